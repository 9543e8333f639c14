import { RoleliftError } from '../model/error.js';
import type { Finding } from '../model/finding.js';
import { type Subject, subjectText } from '../model/resource.js';
import { matchesGlob } from './subjects.js';

/** Findings that nobody can accept (H7, H14, H21): each would hand out a role or destroy a trust policy for good. */
const neverAccepted: ReadonlySet<string> = new Set(['RL110', 'RL307', 'RL309']);
/** Findings that are accepted only by their exact subject, never by a pattern (H21). */
const bySubjectOnly: ReadonlySet<string> = new Set(['RL101', 'RL104', 'RL105', 'RL402']);

interface Acceptance {
  readonly text: string;
  readonly code: string;
  readonly subject: string;
}

const parseAcceptance = (text: string): Acceptance => {
  const match = /^(RL\d{3}):(.+)$/s.exec(text);
  if (match === null)
    throw new RoleliftError({
      code: 'RL641',
      message: `--accept ${text} is not CODE:SUBJECT`,
      remedy: 'Write the id as the finding shows it, as in --accept RL201:payments/api.',
      fault: 'user',
    });
  const [, code, subject] = match as unknown as [string, string, string];
  if (neverAccepted.has(code))
    throw new RoleliftError({
      code: 'RL642',
      message: `${code} cannot be accepted`,
      cause:
        'going on would hand a workload a role that it does not hold today, or write a trust policy that nobody can restore',
      remedy: `Read \`rolelift explain ${code}\` and repair what it names, or leave the workload out.`,
      fault: 'user',
    });
  if (bySubjectOnly.has(code) && /[*?]/.test(subject))
    throw new RoleliftError({
      code: 'RL643',
      message: `${code} is accepted only by an exact subject, not by the pattern ${subject}`,
      remedy: `Name each one: --accept ${code}:NAMESPACE/NAME, once per subject.`,
      fault: 'user',
    });
  return { text, code, subject };
};

/** How a subject may be written behind the code: `payments/api`, or with its kind, `Deployment/payments/api`. */
const subjectSpellings = (subject: Subject): readonly string[] => {
  const text = subjectText(subject);
  return [text, `${subject.kind}/${text}`];
};

const meets = ({ code, subject }: Acceptance, finding: Finding): boolean =>
  code === finding.code &&
  subjectSpellings(finding.subject).some((text) =>
    bySubjectOnly.has(code) ? text === subject : matchesGlob(subject, text),
  );

/**
 * Marks the findings that a person accepted by name. A pattern (`*`, `?`) is good for codes that are not in `bySubjectOnly`.
 * Rejects with RL641 (not CODE:SUBJECT), RL642 (never acceptable), RL643 (a pattern where a name is needed).
 */
export const acceptFindings = (findings: readonly Finding[], accept: readonly string[]): readonly Finding[] => {
  const acceptances = accept.map(parseAcceptance);
  return findings.map((finding) => {
    const by = acceptances.find((acceptance) => meets(acceptance, finding));
    return by === undefined ? finding : { ...finding, acceptedBy: `--accept ${by.text}` };
  });
};

/** Acceptances that met no finding: worth a word, as they are often a typing error. */
export const unusedAcceptances = (findings: readonly Finding[], accept: readonly string[]): readonly string[] =>
  accept.filter((text) => !findings.some((finding) => meets(parseAcceptance(text), finding)));
