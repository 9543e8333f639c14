import { byKey, byText, canonical } from '../model/canonical.js';
import type { Finding } from '../model/finding.js';
import { subjectText } from '../model/resource.js';
import { shorten } from '../model/text.js';
import { acceptFindings } from './accept.js';
import { rules } from './registry.js';
import type { Rule, RuleInput } from './rule.js';

const order = { block: 0, warn: 1, info: 2 } as const;

const draftsOf = (rule: Rule, input: RuleInput): readonly Finding[] =>
  rule.find(input).map((draft) => ({
    id: `${rule.code}:${subjectText(draft.subject)}`,
    code: rule.code,
    severity: draft.severity ?? rule.severity,
    subject: draft.subject,
    // An annotation may hold a quarter of a megabyte, and a message quotes it.
    message: shorten(draft.message, 1_000),
    remedy: draft.remedy ?? rule.remedy,
    evidence: draft.evidence,
    acceptedBy: null,
  }));

const textOfFinding = (finding: Finding): string => canonical(finding);

/** Equal findings once; where two have one id, the later ones get a number behind it. */
const numbered = (all: readonly Finding[]): readonly Finding[] => {
  const seen = new Map<string, number>();
  const texts = new Set<string>();
  const result: Finding[] = [];
  for (const finding of all) {
    const text = textOfFinding(finding);
    if (texts.has(text)) continue;
    texts.add(text);
    const count = (seen.get(finding.id) ?? 0) + 1;
    seen.set(finding.id, count);
    result.push(count === 1 ? finding : { ...finding, id: `${finding.id}:${count}` });
  }
  return result;
};

/**
 * Runs every rule, gives ids (`<code>:<subject>`), applies `--accept`, and sorts by code and subject, blocking ones first within
 * a code. The same input gives the same list.
 */
export const findings = (input: RuleInput): readonly Finding[] => {
  const all = rules
    .flatMap((rule) => draftsOf(rule, input))
    .sort(
      (left, right) =>
        byText(left.code, right.code) ||
        byText(left.id, right.id) ||
        order[left.severity] - order[right.severity] ||
        byKey(textOfFinding)(left, right),
    );
  return acceptFindings(numbered(all), input.options.accept);
};
