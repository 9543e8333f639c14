import type { Estate, Proposal, WorkloadUse } from '../findings/rule.js';
import { roleSubject, titleOf, workloadSubject } from '../findings/subjects.js';
import type { Finding } from '../model/finding.js';
import { subjectText } from '../model/resource.js';
import { inlinePolicies } from './role-steps.js';
import { roleOf } from './roles.js';

/** What is not as the move needs it: the pods and templates that do not have today what the move would give. */
const notHeld = (use: WorkloadUse, role: string): string | null => {
  const pods = use.pods.filter((pod) => pod.answer.role !== role).map((pod) => pod.pod.ref.name);
  if (pods.length > 0)
    return `${pods.length} of its ${use.pods.length} live pods (${pods.slice(0, 3).join(', ')}) do not have it`;
  if (use.template.role !== role)
    return `a pod made from its template now would get ${use.template.role ?? 'no role'} (${use.template.reason})`;
  return use.role === role ? null : 'it does not count as held today';
};

/** Rules that say of a workload that it does not hold its role today; to accept one of them by name is to accept just that. */
const aboutToday = new Set(['RL101', 'RL102', 'RL103', 'RL104', 'RL105', 'RL110', 'RL111', 'RL112']);

const acceptedBy = (finding: Finding, accept: readonly string[]): string | null => {
  const { subject } = finding;
  const text = subjectText(subject);
  const by = accept.find(
    (one) => one === `${finding.code}:${text}` || one === `${finding.code}:${subject.kind}/${text}`,
  );
  return by === undefined ? null : `--accept ${by}`;
};

/**
 * The planner's own last look, whatever the rules said: no workload gains a role that it does not hold today, unless a person
 * accepted by name what keeps it from it (invariant 2); and no role is copied whose policies were not read.
 */
export const guard = (
  estate: Estate,
  proposal: Proposal,
  found: readonly Finding[],
  accept: readonly string[],
): readonly Finding[] => {
  if (proposal.to === null) return [];
  const drafts: Finding[] = [];
  const excused = new Set(
    found
      .filter((finding) => finding.severity === 'block' && aboutToday.has(finding.code))
      .map((finding) => `${finding.subject.kind} ${subjectText(finding.subject)}`),
  );
  const wanted = proposal.newRole ? proposal.from.role : proposal.to.role;
  for (const use of proposal.uses) {
    const why = wanted === null ? 'its role is not known' : notHeld(use, wanted);
    if (why === null) continue;
    const subject = workloadSubject(use);
    // A rule that blocks this very workload says it better; and whoever accepts that one accepts this.
    if (excused.has(`${subject.kind} ${subjectText(subject)}`)) continue;
    drafts.push({
      id: `RL112:${subjectText(subject)}`,
      code: 'RL112',
      severity: 'block',
      subject,
      message: `${titleOf(use)} does not hold ${wanted ?? 'its role'} today: ${why}`,
      remedy: 'Let its rollout end, or repair what keeps the role from it, and plan again.',
      evidence: { role: wanted, why },
      acceptedBy: null,
    });
  }
  if (proposal.newRole && proposal.from.role !== null) {
    const old = roleOf(estate, proposal.from.role);
    if (old === undefined || inlinePolicies(old.inline) === null) {
      const subject = roleSubject(proposal.from.role);
      drafts.push({
        id: `RL501:${subjectText(subject)}`,
        code: 'RL501',
        severity: 'block',
        subject,
        message: `${proposal.from.role} could not be read, so that no role of the same policies can be made`,
        remedy: 'Give credentials that may read it (--account-profile, --account-role), or use --role-mode reuse.',
        evidence: { moves: [proposal.id] },
        acceptedBy: null,
      });
    }
  }
  return drafts.map((finding) => ({ ...finding, acceptedBy: acceptedBy(finding, accept) }));
};
