import { byText } from '../model/canonical.js';
import { oncePer } from '../model/once-per.js';
import { parseRoleArn, type Subject, subjectOf } from '../model/resource.js';
import type { Estate, Proposal, RuleInput, WorkloadUse } from './rule.js';

/** Subjects of findings: always the most specific object that a person would change. */
export const workloadSubject = (use: WorkloadUse): Subject => subjectOf(use.workload.ref);
export const accountSubject = (namespace: string, name: string): Subject => ({
  kind: 'ServiceAccount',
  namespace,
  name,
});
/** A role by account and name; a text that is no role ARN stands as it is. */
export const roleSubject = (arn: string): Subject => {
  const parts = parseRoleArn(arn);
  return parts === null ? { kind: 'Role', name: arn } : { kind: 'Role', account: parts.account, name: parts.name };
};

/** `Deployment payments/api`, for messages. */
export const titleOf = (use: WorkloadUse): string => {
  const { kind, namespace, name } = use.workload.ref;
  return `${kind} ${namespace ?? ''}/${name}`;
};

export const sorted = (texts: Iterable<string>): readonly string[] => [...new Set(texts)].sort(byText);

/** Whole-text match of a glob: `*` is any run of characters, `?` one. Linear: no regular expression is built from input. */
export const matchesGlob = (glob: string, text: string): boolean => {
  let g = 0;
  let t = 0;
  let star = -1;
  let mark = 0;
  while (t < text.length) {
    if (g < glob.length && glob[g] === '*') {
      star = g++;
      mark = t;
    } else if (g < glob.length && (glob[g] === '?' || glob[g] === text[t])) {
      g++;
      t++;
    } else if (star >= 0) {
      g = star + 1;
      t = ++mark;
    } else return false;
  }
  while (g < glob.length && glob[g] === '*') g++;
  return g === glob.length;
};

/** Whether the options' namespaces speak of this one. */
export const namespaceInScope = (options: RuleInput['options'], namespace: string): boolean =>
  (options.namespaces.length === 0 || options.namespaces.some((glob) => matchesGlob(glob, namespace))) &&
  !options.excludeNamespaces.some((glob) => matchesGlob(glob, namespace));

/** Annotation keys that ask for a role: the brokers' own, and those that a kube2iam flag names. */
export const roleKeys = oncePer((estate: Estate): readonly string[] =>
  sorted([
    'iam.amazonaws.com/role',
    ...estate.inventory.brokers.flatMap((install) =>
      install.broker === 'kube2iam' && install.flags['iam-role-key'] !== undefined
        ? [install.flags['iam-role-key'] as string]
        : [],
    ),
  ]),
);

/** The text that the template's annotation asks for; undefined where it has none. */
export const askedText = (estate: Estate, annotations: Readonly<Record<string, string>>): string | undefined => {
  for (const key of roleKeys(estate)) if (Object.hasOwn(annotations, key)) return annotations[key];
  return undefined;
};

/** The workload asks a broker for a role, or has one from it without asking. */
const usesBroker = (estate: Estate, use: WorkloadUse): boolean =>
  use.wanted !== null ||
  use.broker === 'kiam' ||
  use.broker === 'kube2iam' ||
  askedText(estate, use.workload.template.annotations) !== undefined;

/** Workloads of the proposals. */
const proposed = oncePer(
  (input: RuleInput): ReadonlySet<WorkloadUse> => new Set(input.proposals.flatMap((proposal) => proposal.uses)),
);

/**
 * Workloads that a move could be about: those of the proposals, and every workload in scope that asks a broker. What reads
 * "would be changed" looks at these only, so that an estate's other thousand workloads stay unmentioned.
 */
export const candidates = oncePer((input: RuleInput): readonly WorkloadUse[] => {
  const planned = proposed(input);
  return input.estate.uses.filter(
    (use) =>
      planned.has(use) ||
      (usesBroker(input.estate, use) && namespaceInScope(input.options, use.workload.template.namespace)),
  );
});

/** Role that the workload should end on: the proposal's, else the one it asks for, else the one it holds. */
export const roleOf = (use: WorkloadUse): string | null => use.wanted ?? use.role;

/** Every role that a move could be about, with the workloads that use it. */
export const rolesInPlay = oncePer((input: RuleInput): ReadonlyMap<string, readonly WorkloadUse[]> => {
  const found = new Map<string, Set<WorkloadUse>>();
  const add = (arn: string | null, use: WorkloadUse): void => {
    if (arn === null) return;
    const known = found.get(arn);
    if (known === undefined) found.set(arn, new Set([use]));
    else known.add(use);
  };
  for (const use of candidates(input)) add(roleOf(use), use);
  for (const proposal of input.proposals)
    if (!proposal.newRole) for (const use of proposal.uses) add(proposal.to?.role ?? proposal.from.role, use);
  return new Map([...found].sort(([a], [b]) => byText(a, b)).map(([arn, uses]) => [arn, [...uses]]));
});

const proposalsByUse = oncePer(
  (proposals: readonly Proposal[]): ReadonlyMap<WorkloadUse, Proposal> =>
    new Map(proposals.flatMap((proposal) => proposal.uses.map((each) => [each, proposal] as const))),
);

/** The proposal that moves a workload; undefined where none does. */
export const proposalOf = (input: RuleInput, use: WorkloadUse): Proposal | undefined =>
  proposalsByUse(input.proposals).get(use);

/** The move would end under Pod Identity: by its proposal, or because it was asked for. */
export const towardsPodIdentity = (input: RuleInput, use: WorkloadUse): boolean => {
  const to = proposalOf(input, use)?.to;
  return to ? to.mechanism === 'pod-identity' : input.options.target === 'pod-identity';
};
