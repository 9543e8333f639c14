import type { Pause } from '../engine/run.js';
import { at, isObject, textAt } from '../model/json.js';
import type { Plan } from '../model/plan.js';
import type { Style } from '../model/style.js';
import { counted, visible, wrap } from '../model/text.js';

interface Group {
  readonly first: Pause;
  readonly moves: string[];
  until: number | null;
}

/** A text without the name of its move; what was chosen by `--move` stays chosen. */
const anonymous = (text: string, move: string): string =>
  text.replace(new RegExp(`(?<!--move )${move.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}(?![a-z0-9.-])`, 'g'), 'MOVE');

const isoTime = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;

/** What the run waits for. Pauses that differ in their move and time only are told once, with the moves counted. */
export const pausesText = (
  pauses: readonly Pause[],
  plan: Plan,
  direction: 'apply' | 'rollback',
  style: Style,
  width: number,
): string => {
  const moveOf = new Map(plan.steps.map((step) => [step.id, step.move]));
  const ids = plan.moves.map(({ id }) => id);
  const groups = new Map<string, Group>();
  for (const pause of pauses) {
    const own = (pause.step === null ? null : moveOf.get(pause.step)) ?? ids.find((id) => pause.reason.includes(id));
    const bare = (text: string): string =>
      (own === undefined || own === null ? text : anonymous(text, own)).replace(isoTime, 'TIME');
    const key =
      own === undefined || own === null ? `${pause.gate} ${pause.reason}` : `${bare(pause.reason)}\n${bare(pause.how)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { first: pause, moves: own ? [own] : [], until: pause.opensAt });
    else {
      if (own) group.moves.push(own);
      group.until = Math.max(group.until ?? 0, pause.opensAt ?? 0) || null;
    }
  }
  return [...groups.values()].map((group) => groupText(group, plan, direction, style, width)).join('\n\n');
};

const groupText = (group: Group, plan: Plan, direction: 'apply' | 'rollback', style: Style, width: number): string => {
  const { first, moves } = group;
  const many = moves.length > 1;
  const [own = ''] = moves;
  const general = (text: string): string =>
    many
      ? anonymous(text, own).replace(isoTime, group.until === null ? 'then' : new Date(group.until).toISOString())
      : text;
  const reason = many
    ? `${counted(moves.length, 'move')}: ${general(first.reason).replace(/^MOVE /, '')}`
    : first.reason;
  const lines = [`${style.warn('‖')} ${wrap(visible(reason), width - 4, '  ')}`];
  if (many)
    lines.push(`    ${wrap(visible(moves.map((move) => move.replace(/^move:/, '')).join(', ')), width - 6, '    ')}`);
  for (const line of general(first.how)
    .split('\n')
    .filter((each) => each !== ''))
    lines.push(`    ${line.startsWith('rolelift ') ? visible(line) : wrap(visible(line), width - 6, '    ')}`);
  if (!many) lines.push(...wantedText(first, plan, direction));
  return lines.join('\n');
};

/** The fields that somebody else has to set, where the step that waits names them. */
const wantedText = (pause: Pause, plan: Plan, direction: 'apply' | 'rollback'): readonly string[] => {
  const step = pause.step === null ? undefined : plan.steps.find(({ id }) => id === pause.step);
  const changes = at(step?.params, direction === 'apply' ? 'changes' : 'reverse');
  if (!Array.isArray(changes)) return [];
  return changes.filter(isObject).map((change) => {
    const value = change.value === null || change.value === undefined ? '(taken away)' : JSON.stringify(change.value);
    const where = `${textAt(change, 'ref', 'kind') ?? ''} ${textAt(change, 'ref', 'namespace') ?? ''}/${textAt(change, 'ref', 'name') ?? ''}`;
    return `      ${visible(where)}\n        ${visible(textAt(change, 'pointer') ?? '')}: ${visible(value)}`;
  });
};
