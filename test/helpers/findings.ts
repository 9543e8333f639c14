import { findings } from '../../src/findings/analyse.js';
import { study } from '../../src/findings/estate.js';
import type { Estate, Proposal } from '../../src/findings/rule.js';
import { candidates, roleOf } from '../../src/findings/subjects.js';
import type { Finding } from '../../src/model/finding.js';
import type { Inventory } from '../../src/model/inventory.js';
import { defaultPlanOptions, type PlanOptions } from '../../src/model/options.js';

/** A proposal for one workload of an estate: it keeps its account and its role, and goes to IRSA. */
export const aProposal = (
  estate: Estate,
  workload: string,
  over: Omit<Partial<Proposal>, 'to'> & { readonly to?: Partial<NonNullable<Proposal['to']>> | null } = {},
): Proposal => {
  const use = estate.uses.find(({ workload: { ref } }) => ref.name === workload);
  if (use === undefined) throw new Error(`the estate has no workload ${workload}`);
  const { namespace, serviceAccount } = use.workload.template;
  const { to, ...rest } = over;
  return {
    id: `move:${namespace}/${serviceAccount}`,
    subject: { namespace, name: serviceAccount },
    uses: [use],
    from: { broker: use.broker, role: use.role ?? use.wanted },
    to:
      to === null
        ? null
        : {
            mechanism: 'irsa',
            role: roleOf(use) ?? '',
            associationRole: null,
            namespace,
            serviceAccount,
            ...to,
          },
    split: false,
    newRole: false,
    why: '',
    delivery: 'live',
    owner: { tool: 'none', ref: '' },
    ...rest,
  };
};

export interface Judging {
  readonly options?: Partial<PlanOptions>;
  readonly proposals?: (estate: Estate) => readonly Proposal[];
}

/** All findings of an inventory, by the real identity model. */
export const judge = (inventory: Inventory, { options, proposals }: Judging = {}): readonly Finding[] => {
  const estate = study(inventory);
  return findings({
    estate,
    proposals: proposals?.(estate) ?? [],
    options: { ...defaultPlanOptions, ...options },
  });
};

/** Those of one code. */
export const judged = (code: string, inventory: Inventory, how: Judging = {}): readonly Finding[] =>
  judge(inventory, how).filter((finding) => finding.code === code);

/** Code, severity and subject of each, for short comparisons. */
export const brief = (all: readonly Finding[]): readonly string[] => all.map(({ id, severity }) => `${severity} ${id}`);

export { candidates };
