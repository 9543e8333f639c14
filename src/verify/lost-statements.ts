import { study } from '../findings/estate.js';
import { byText } from '../model/canonical.js';
import type { Inventory } from '../model/inventory.js';
import { marks } from '../model/words.js';

export interface Lost {
  readonly subject: string;
  readonly text: string;
}

/**
 * Service accounts that carry our mark and whose role no longer admits them: a statement of ours is gone, as after somebody else's
 * apply of the role's trust (H19).
 */
export const lostStatements = (inventory: Inventory): readonly Lost[] => {
  const ours = new Set(
    inventory.serviceAccounts
      .filter((account) => Object.hasOwn(account.annotations, marks.plan))
      .map((account) => `${account.ref.namespace ?? ''}/${account.ref.name}`),
  );
  return study(inventory)
    .uses.filter((use) => ours.has(`${use.workload.ref.namespace ?? ''}/${use.workload.template.serviceAccount}`))
    .flatMap((use) => {
      const bound = [use.template.wins, ...use.template.refused].find(
        (offer) =>
          offer !== null &&
          ['web-identity', 'container-credentials'].includes(offer.source.kind) &&
          offer.assumable === 'no',
      );
      return bound === undefined || bound === null
        ? []
        : [
            {
              subject: `${use.workload.ref.kind} ${use.workload.ref.namespace ?? ''}/${use.workload.ref.name}`,
              text: `cannot assume ${bound.role ?? 'its role'} any more: ${bound.why}`,
            },
          ];
    })
    .sort((left, right) => byText(left.subject, right.subject));
};
