import type { PodIdentityAnswer } from '../identity/types.js';
import { offersOf } from './estate.js';
import type { FindingDraft, RuleInput, WorkloadUse } from './rule.js';
import { candidates, sorted, workloadSubject } from './subjects.js';

/** Something that the identity model refused, with the pods that it happens to. */
export interface Refusal {
  readonly use: WorkloadUse;
  readonly role: string | null;
  readonly why: string;
  /** Names of live pods; empty where only the template says so. */
  readonly pods: readonly string[];
  readonly nodes: readonly string[];
}

const said = (
  answer: PodIdentityAnswer,
  code: string,
): { readonly role: string | null; readonly why: string } | null => {
  const offer = offersOf(answer).find((each) => each.code === code);
  if (offer !== undefined) return { role: offer.role, why: offer.why };
  return answer.code === code ? { role: answer.role, why: answer.reason } : null;
};

/** What the identity model refuses with that code, one entry a workload. */
export const refusalsOf = (input: RuleInput, code: string): readonly Refusal[] =>
  candidates(input).flatMap((use) => {
    const template = said(use.template, code);
    const pods = use.pods.flatMap(({ pod, answer }) => {
      const found = said(answer, code);
      return found === null ? [] : [{ pod, found }];
    });
    const first = template ?? pods[0]?.found;
    if (first === undefined) return [];
    return [
      {
        use,
        role: first.role ?? use.wanted,
        why: first.why,
        pods: sorted(pods.map(({ pod }) => pod.ref.name)),
        nodes: sorted(pods.flatMap(({ pod }) => (pod.node === undefined ? [] : [pod.node]))),
      },
    ];
  });

/** A draft about the workload of a refusal. */
export const refusalDraft = (refusal: Refusal, message: string, evidence: FindingDraft['evidence']): FindingDraft => ({
  subject: workloadSubject(refusal.use),
  message,
  evidence: { role: refusal.role, why: refusal.why, pods: refusal.pods, ...evidence },
});
