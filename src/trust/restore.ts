import { byText, canonical } from '../model/canonical.js';
import { canonicalDocument, canonicalStatement, parseTrust, type Statement } from './document.js';
import { deadPrincipals, removeStatement, valuesAt, withValues } from './edit.js';
import { unrestorable } from './lint.js';
import { isOurs, joinableKey } from './statement.js';

export interface RestoreRequest {
  /** Document before our change and after it, as recorded. */
  readonly before: string;
  readonly after: string;
  /** Document as it is now. */
  readonly live: string;
  readonly statement: Statement;
  /** Statements that other moves of ours may have put into the same document: they are no foreign edit. */
  readonly siblings?: readonly Statement[];
  /** Other recorded documents of this role; where the result equals one, its bytes are written. */
  readonly recorded?: readonly string[];
}

export type Restoration =
  /** Bytes of a recorded document. */
  | { readonly is: 'exact'; readonly text: string }
  /** Our entry removed from what others made of the document; `foreign` where someone else edited it. */
  | { readonly is: 'surgical'; readonly text: string; readonly foreign: boolean }
  /** Our entry is not there any more. */
  | { readonly is: 'gone'; readonly foreign: boolean }
  | {
      readonly is: 'refused';
      readonly reason: 'not-parseable' | 'last-statement' | 'not-restorable';
      readonly detail: string;
    };

/**
 * What to write so that our statement is undone: the recorded bytes where what is left equals a recorded document, and
 * only our entry taken out where somebody else changed it meanwhile (semantics of UpdateAssumeRolePolicy: it replaces the
 * whole document and knows no condition).
 */
export const restore = (request: RestoreRequest): Restoration => {
  const removal = removeStatement(request.live, request.statement);
  const foreign = editedByOthers(request);
  if (removal.is === 'absent') return { is: 'gone', foreign };
  if (removal.is === 'refused') return removal;
  const known = [request.before, ...(request.recorded ?? [])].find((text) => same(text, removal.text));
  if (known === undefined) return { is: 'surgical', text: removal.text, foreign };
  const dead = unrestorable(parseTrust(known));
  return dead.length > 0
    ? { is: 'refused', reason: 'not-restorable', detail: deadPrincipals(dead).detail }
    : { is: 'exact', text: decoded(known) };
};

const decoded = (text: string): string => {
  const document = parseTrust(text);
  return document.is === 'document' ? document.text : text;
};

const same = (left: string, right: string): boolean => {
  const [one, other] = [parseTrust(left), parseTrust(right)];
  return one.is === 'document' && other.is === 'document' && canonicalDocument(one) === canonicalDocument(other);
};

/** A statement of ours as one statement for each subject in its list; any other as it is. */
const apart = (statement: Statement): readonly Statement[] => {
  const key = isOurs(statement) ? joinableKey(statement) : null;
  return key
    ? valuesAt(statement, key.operator, key.key).map((value) => withValues(statement, key.operator, key.key, [value]))
    : [statement];
};

/** Whether live differs from what we wrote by more than statements of ours. */
const editedByOthers = (request: RestoreRequest): boolean => {
  const bare = (statement: Statement): string => canonicalStatement(statement, { sid: false });
  const mine = new Set([request.statement, ...(request.siblings ?? [])].flatMap(apart).map(bare));
  const strip = (text: string): string | null => {
    const document = parseTrust(text);
    if (document.is !== 'document') return null;
    const left = document.statements
      .flatMap(apart)
      .flatMap((one) => (isOurs(one) ? (mine.has(bare(one)) ? [] : [bare(one)]) : [canonicalStatement(one)]));
    const { Statement: _statement, ...rest } = document.json;
    return canonical([rest, left.sort(byText)]);
  };
  return strip(request.after) !== strip(request.live);
};
