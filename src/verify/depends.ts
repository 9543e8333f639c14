import { study } from '../findings/estate.js';
import { byText } from '../model/canonical.js';
import type { Inventory } from '../model/inventory.js';

export interface Dependent {
  readonly broker: 'kiam' | 'kube2iam' | 'node-role';
  readonly workload: string;
  readonly role: string | null;
}

/** Who in the whole estate still gets credentials from kiam, kube2iam or the node role. */
export const stillDepends = (inventory: Inventory): readonly Dependent[] =>
  study(inventory)
    .uses.flatMap((use): readonly Dependent[] => {
      const asks = use.wanted !== null;
      const broker = use.broker;
      if (broker !== 'kiam' && broker !== 'kube2iam' && !(broker === 'node-role' && asks)) return [];
      return [
        {
          broker,
          workload: `${use.workload.ref.kind} ${use.workload.ref.namespace ?? ''}/${use.workload.ref.name}`,
          role: use.role ?? use.wanted,
        },
      ];
    })
    .sort((left, right) => byText(left.workload, right.workload));
