import { byText } from '../model/canonical.js';
import type { Inventory } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';
import { type Move, type Plan, planDigest, type Step } from '../model/plan.js';
import { marks } from '../model/words.js';
import { planCluster } from '../planner/plan-cluster.js';
import type { MarkReads } from './mark-reads.js';
import { MarkedDraft, type MarkedMove } from './marked-draft.js';
import { addGround } from './marked-ground.js';
import { addMoves } from './marked-moves.js';
import { ordered } from './marked-order.js';
import { targetsOf } from './our-statements.js';

/** What one plan left behind, as a plan whose undo takes it away, and what it cannot take away. */
export interface MarkedPlan {
  readonly plan: Plan;
  /** Pre-images by step, as far as they can be told. */
  readonly preimages: ReadonlyMap<string, JsonObject>;
  /** What stays, in words, with what a person may do. */
  readonly left: readonly string[];
}

/** Ids of all plans that left a mark, sorted. */
export const plansInMarks = (inventory: Inventory, reads: MarkReads): readonly string[] => {
  const ids = new Set<string>();
  for (const { annotations } of inventory.serviceAccounts)
    if (annotations[marks.plan] !== undefined) ids.add(annotations[marks.plan] as string);
  for (const { template } of inventory.workloads) {
    const mark = template.annotations[marks.restart];
    if (mark?.includes('/') === true) ids.add(mark.slice(0, mark.indexOf('/')));
  }
  for (const { tags } of [...inventory.associations, ...inventory.roles, ...inventory.oidcProviders])
    if (tags[marks.plan] !== undefined) ids.add(tags[marks.plan] as string);
  for (const { plan } of reads.bindings) ids.add(plan);
  return [...ids].sort(byText);
};

/**
 * Puts together, from the marks on live objects alone, a plan whose undo takes that plan's work away in H1's order: the old way
 * first, then the annotation or association, then the pods, then what they stood on. Statements carry no plan: those of this
 * cluster's service accounts are taken where `lone` is set or the account carries the plan's mark. What others delivered (a
 * hand-off) and what leaves no mark is told.
 */
export const planFromMarks = (inventory: Inventory, id: string, reads: MarkReads, lone: boolean): MarkedPlan => {
  const { cluster } = inventory;
  const draft = new MarkedDraft();
  const created = new Set(inventory.roles.filter(({ tags }) => tags[marks.plan] === id).map(({ arn }) => arn));
  addMoves(draft, inventory, id, reads);
  addGround(draft, inventory, reads, { id, lone, created });
  for (const arn of [...created].sort(byText))
    draft.left.push(
      `role ${arn} was made by this plan and is kept: policies on it carry no mark; delete it once nobody uses it`,
    );
  for (const { sid, role, letsIn } of targetsOf(inventory, created))
    draft.left.push(
      `statement ${sid} of role ${role} lets ${letsIn} in and is kept with it; take it out with the role`,
    );
  draft.left.push(
    'policies that were taken off node roles, a broker taken out of a trust policy, and changed add-ons leave no mark',
  );

  const plan = {
    format: 'rolelift.plan/1',
    createdAt: '',
    tool: '',
    source: 'live',
    cluster: planCluster(cluster, cluster.oidcIssuers[0] ?? '', null),
    inventoryDigest: '',
    options: {},
    complete: true,
    gaps: [],
    moves: [...draft.moves]
      .sort(([one], [other]) => byText(one, other))
      .map(([key, move]) => moveFrom(key, move, created, draft.steps)),
    steps: ordered(draft.steps),
    findings: [],
    unmoved: [],
  } as unknown as Omit<Plan, 'digest' | 'id'>;
  // The id is that of the plan whose marks these are: undo touches nothing that carries another.
  return { plan: { ...plan, id, digest: planDigest(plan) }, preimages: draft.preimages, left: draft.left };
};

const moveFrom = (key: string, move: MarkedMove, created: ReadonlySet<string>, steps: readonly Step[]): Move => ({
  id: key,
  subject: { kind: 'ServiceAccount', namespace: move.namespace, name: move.name },
  workloads: move.workloads.map(({ ref }) => ({ kind: ref.kind, namespace: ref.namespace ?? '', name: ref.name })),
  // A role that was kept is the role that was had; where the plan made one, the earlier one left no mark.
  from: { broker: 'none', role: move.bound === null || created.has(move.bound.role) ? null : move.bound.role },
  to:
    move.bound === null
      ? null
      : {
          mechanism: move.bound.mechanism,
          role: move.bound.role,
          associationRole: null,
          serviceAccount: `${move.namespace}/${move.name}`,
        },
  blocked: false,
  why: 'put together from the marks on live objects',
  risk: 'medium',
  owner: { tool: 'none', ref: '' },
  delivery: 'live',
  findings: [],
  steps: steps.filter((step) => step.move === key).map(({ id }) => id),
  skip: false,
  note: '',
});
