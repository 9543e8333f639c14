import { study } from '../findings/estate.js';
import { byText } from '../model/canonical.js';
import type { Inventory } from '../model/inventory.js';
import type { UseRow } from '../report/uses.js';

/** Who uses which credentials, as the identity model says; workloads of system namespaces that have none are left out by the table. */
export const useRows = (inventory: Inventory): readonly UseRow[] =>
  study(inventory)
    .uses.map((use) => ({
      namespace: use.workload.ref.namespace ?? '',
      kind: use.workload.ref.kind,
      name: use.workload.ref.name,
      serviceAccount: use.workload.template.serviceAccount,
      broker: use.broker,
      role: use.role,
      reason: use.template.reason,
      code: use.template.code,
    }))
    .sort((left, right) => byText(left.namespace, right.namespace) || byText(left.name, right.name));
