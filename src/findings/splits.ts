import { byText } from '../model/canonical.js';
import { accountOf } from './estate.js';
import type { RuleInput, WorkloadUse } from './rule.js';
import { candidates, roleOf, sorted } from './subjects.js';

/** A service account that cannot simply be bound, with who uses it. */
export interface SharedAccount {
  readonly namespace: string;
  readonly name: string;
  /** Workloads with a role, by role; sorted. */
  readonly roles: readonly { readonly role: string; readonly uses: readonly WorkloadUse[] }[];
  /** Workloads that have none and would gain one. */
  readonly bystanders: readonly WorkloadUse[];
}

/** Every service account that a candidate uses, with the roles and the bystanders on it. */
export const sharedAccounts = (input: RuleInput): readonly SharedAccount[] => {
  const moving = new Set(candidates(input).filter((use) => roleOf(use) !== null));
  const keys = sorted([...moving].map(accountOf));
  return keys.map((key) => {
    const uses = input.estate.usesOf.get(key) ?? [];
    const slash = key.indexOf('/');
    const wanted = uses.filter((use) => moving.has(use));
    const roles = sorted(wanted.map((use) => roleOf(use) as string));
    return {
      namespace: key.slice(0, slash),
      name: key.slice(slash + 1),
      roles: roles.map((role) => ({ role, uses: wanted.filter((use) => roleOf(use) === role) })),
      bystanders: uses
        .filter((use) => !moving.has(use))
        .sort((left, right) => byText(left.workload.ref.name, right.workload.ref.name)),
    };
  });
};

/** Accounts whose workloads get others of their own: by the proposals, or where none are there yet by what is shared. */
export const splitAccounts = (
  input: RuleInput,
): readonly {
  readonly namespace: string;
  readonly name: string;
  readonly uses: readonly WorkloadUse[];
  readonly moves: readonly string[];
}[] => {
  if (input.proposals.length > 0) {
    const split = input.proposals.filter((proposal) => proposal.split);
    return sorted(split.map(({ subject }) => `${subject.namespace}/${subject.name}`)).map((key) => {
      const mine = split.filter(({ subject }) => `${subject.namespace}/${subject.name}` === key);
      const { namespace, name } = (mine[0] as (typeof mine)[number]).subject;
      return { namespace, name, uses: mine.flatMap(({ uses }) => uses), moves: sorted(mine.map(({ id }) => id)) };
    });
  }
  return sharedAccounts(input)
    .filter(({ name, roles, bystanders }) => name === 'default' || roles.length > 1 || bystanders.length > 0)
    .map(({ namespace, name, roles }) => ({ namespace, name, uses: roles.flatMap(({ uses }) => uses), moves: [] }));
};
