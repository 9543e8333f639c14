import type { Inventory, Role } from '../model/inventory.js';
import { type Move, type Plan, type Step, sealPlan } from '../model/plan.js';
import { parseRoleArn } from '../model/resource.js';
import type { Registry } from '../steps/step.js';

/** Moves that touch nothing of any other move, and what of the estate they touch. */
export interface Component {
  readonly moves: readonly Move[];
  /** The plan with these moves alone, and the shared steps that they stand on. */
  readonly plan: Plan;
  readonly inventory: Inventory;
}

/** Union of sets by a parent map. */
const sets = () => {
  const parent = new Map<string, string>();
  const find = (id: string): string => {
    let root = id;
    for (let above = parent.get(root); above !== undefined && above !== root; above = parent.get(root)) root = above;
    parent.set(id, root);
    return root;
  };
  return { find, join: (left: string, right: string): void => void parent.set(find(left), find(right)) };
};

/** The part of a plan and its estate that these moves hang together with. */
export const partWith = (
  plan: Plan,
  inventory: Inventory,
  registry: Registry,
  moves: readonly string[],
): Pick<Component, 'plan' | 'inventory'> => {
  const chosen = componentsOf(plan, inventory, registry)
    .filter((component) => component.moves.some(({ id }) => moves.includes(id)))
    .flatMap((component) => component.moves);
  const part = partOf(plan, chosen, indexOf(plan));
  return { plan: part, inventory: cutter(inventory)(chosen, part) };
};

/** Splits the plan's executable moves into components: two moves belong together where anything that one writes concerns the other. */
export const componentsOf = (plan: Plan, inventory: Inventory, registry: Registry): readonly Component[] => {
  const moves = plan.moves.filter(({ blocked, skip, to }) => !blocked && !skip && to !== null);
  const wanted = new Set(moves.map(({ id }) => id));
  const groups = sets();
  const owner = new Map<string, string>();
  const claim = (key: string, move: string): void => {
    const other = owner.get(key);
    if (other === undefined) owner.set(key, move);
    else groups.join(other, move);
  };
  const byId = new Map(plan.steps.map((step) => [step.id, step as Step]));
  for (const move of moves) {
    claim(`account ${move.subject.namespace}/${move.subject.name}`, move.id);
    if (move.to !== null) claim(`account ${move.to.serviceAccount}`, move.id);
    for (const role of [move.from.role, move.to?.role, move.to?.associationRole])
      if (role !== null && role !== undefined) claim(`role ${role}`, move.id);
    for (const { kind, namespace, name } of move.workloads)
      claim(`workload ${kind} ${namespace ?? ''}/${name}`, move.id);
  }
  for (const step of plan.steps as readonly Step[]) {
    if (step.move !== null) {
      if (wanted.has(step.move)) for (const key of registry.get(step.kind)?.locks(step) ?? []) claim(key, step.move);
      continue;
    }
    // What several moves stand on joins nobody; what takes something from several of them joins them.
    const [first, ...others] = new Set(
      step.dependsOn.flatMap((id) => {
        const move = byId.get(id)?.move;
        return move != null && wanted.has(move) ? [move] : [];
      }),
    );
    if (first !== undefined) for (const other of others) groups.join(first, other);
  }
  const members = new Map<string, Move[]>();
  for (const move of moves) {
    const root = groups.find(move.id);
    const list = members.get(root);
    if (list === undefined) members.set(root, [move]);
    else list.push(move);
  }
  const cut = cutter(inventory);
  const index = indexOf(plan);
  return [...members.values()].map((own) => {
    const part = partOf(plan, own, index);
    return { moves: own, plan: part, inventory: cut(own, part) };
  });
};

interface PlanIndex {
  readonly byId: ReadonlyMap<string, Step>;
  readonly stepsOf: ReadonlyMap<string, readonly Step[]>;
  readonly shared: readonly Step[];
  readonly order: ReadonlyMap<string, number>;
}

const indexOf = (plan: Plan): PlanIndex => {
  const steps = plan.steps as readonly Step[];
  const stepsOf = new Map<string, Step[]>();
  const shared: Step[] = [];
  for (const step of steps) {
    if (step.move === null) shared.push(step);
    else if (stepsOf.has(step.move)) stepsOf.get(step.move)?.push(step);
    else stepsOf.set(step.move, [step]);
  }
  return {
    byId: new Map(steps.map((step) => [step.id, step])),
    stepsOf,
    shared,
    order: new Map(steps.map(({ id }, index) => [id, index])),
  };
};

const partOf = (plan: Plan, moves: readonly Move[], index: PlanIndex): Plan => {
  const kept = new Map<string, Step>();
  const stack = moves.flatMap(({ id }) => index.stepsOf.get(id) ?? []);
  for (let step = stack.pop(); step !== undefined; step = stack.pop()) {
    if (kept.has(step.id)) continue;
    kept.set(step.id, step);
    for (const id of step.dependsOn) {
      const need = index.byId.get(id);
      if (need !== undefined) stack.push(need);
    }
  }
  // Shared steps behind the moves come along where everything that they wait for is here.
  for (let grown = true; grown; ) {
    grown = false;
    for (const step of index.shared)
      if (!kept.has(step.id) && step.dependsOn.length > 0 && step.dependsOn.every((id) => kept.has(id))) {
        kept.set(step.id, step);
        grown = true;
      }
  }
  const steps = [...kept.values()]
    .sort((left, right) => (index.order.get(left.id) ?? 0) - (index.order.get(right.id) ?? 0))
    .map((step) => ({
      ...step,
      dependsOn: step.dependsOn.filter((id) => kept.has(id)),
      undoDependsOn: step.undoDependsOn.filter((id) => kept.has(id)),
    }));
  const { digest: _digest, id: _id, ...rest } = plan;
  return sealPlan({
    ...rest,
    moves: moves.map((move) => ({ ...move, steps: move.steps.filter((id) => kept.has(id)) })),
    steps: steps as Plan['steps'],
    findings: [],
    unmoved: [],
    gaps: [],
  });
};

/** Nodes of one kind that a component's twin keeps. */
const nodesOfAKind = 2;

/** Cuts out of an estate what some moves can touch: their namespaces, the brokers, a few nodes of each kind, the roles that are named. */
const cutter = (inventory: Inventory) => {
  const nodes: Inventory['nodes'][number][] = [];
  const kinds = new Map<string, number>();
  for (const node of inventory.nodes) {
    const kind = JSON.stringify([node.role, node.nodegroup, node.compute, node.taints, node.ready, node.hopLimit]);
    const count = kinds.get(kind) ?? 0;
    if (count >= nodesOfAKind) continue;
    kinds.set(kind, count + 1);
    nodes.push(node);
  }
  const nodeNames = new Set(nodes.map(({ name }) => name));
  const brokers = inventory.brokers.map((install) => ({
    ...install,
    nodes: install.nodes === 'all' ? install.nodes : install.nodes.filter((name) => nodeNames.has(name)),
  }));
  const infrastructure = new Set(brokers.map(({ ref }) => `${ref.kind} ${ref.namespace ?? ''}/${ref.name}`));
  const byNamespace = <T>(items: readonly T[], of: (item: T) => string): ReadonlyMap<string, readonly T[]> => {
    const found = new Map<string, T[]>();
    for (const item of items) {
      const list = found.get(of(item));
      if (list === undefined) found.set(of(item), [item]);
      else list.push(item);
    }
    return found;
  };
  const workloads = byNamespace(inventory.workloads, ({ ref }) => ref.namespace ?? '');
  const accounts = byNamespace(inventory.serviceAccounts, ({ ref }) => ref.namespace ?? '');
  const bindings = byNamespace(inventory.bindings, ({ ref }) => ref.namespace ?? '');
  const associations = byNamespace(inventory.associations, ({ namespace }) => namespace);
  // What stands in another cluster, as the AWSCluster on a management cluster, is in nobody's namespace here.
  const objects = byNamespace(inventory.objects, ({ ref }) => (ref.cluster === undefined ? (ref.namespace ?? '') : ''));
  const namespaces = new Map(inventory.namespaces.map((each) => [each.name, each]));
  const roles = new Map<string, Role>();
  for (const role of inventory.roles) {
    roles.set(role.arn, role);
    if (!roles.has(role.name)) roles.set(role.name, role);
  }
  const policies = new Map(inventory.policies.map((each) => [each.arn, each]));
  const serving = inventory.workloads.filter(
    ({ ref, template }) =>
      infrastructure.has(`${ref.kind} ${ref.namespace ?? ''}/${ref.name}`) ||
      template.containers.some(({ image }) => /eks-pod-identity-agent|pod-identity-webhook/.test(image)),
  );

  return (moves: readonly Move[], plan: Plan): Inventory => {
    const here = new Set<string>();
    for (const move of moves) {
      here.add(move.subject.namespace);
      if (move.to !== null) here.add(move.to.serviceAccount.split('/')[0] ?? '');
      for (const { namespace } of move.workloads) here.add(namespace ?? '');
    }
    const inside = <T>(map: ReadonlyMap<string, readonly T[]>, ...more: readonly string[]): readonly T[] =>
      [...here, ...more].flatMap((namespace) => map.get(namespace) ?? []);
    const own = inside(workloads);
    const all = [...own, ...serving.filter((each) => !own.includes(each))];
    const served = new Set([...here, ...all.map(({ ref }) => ref.namespace ?? '')]);
    const kept = {
      ...inventory,
      namespaces: [...served].flatMap((name) => namespaces.get(name) ?? []),
      brokers,
      workloads: all,
      serviceAccounts: [...served].flatMap((name) => accounts.get(name) ?? []),
      bindings: inside(bindings, ''),
      nodes,
      associations: inside(associations),
      objects: [...inside(objects), ...(objects.get('') ?? [])],
      gaps: [],
    };
    const named = namesIn(
      JSON.stringify([
        kept.workloads,
        kept.serviceAccounts,
        kept.associations,
        brokers,
        nodes,
        moves,
        plan.steps,
        inventory.addons,
        inventory.nodeRoles.slice(0, 50),
      ]),
    );
    const chosen = new Map<string, Role>();
    for (const name of named) {
      const role = roles.get(name) ?? roles.get(name.split('/').at(-1) ?? '');
      if (role !== undefined) chosen.set(role.arn, role);
    }
    return {
      ...kept,
      roles: [...chosen.values()],
      policies: [...chosen.values()].flatMap((role) =>
        [...role.attached, ...(role.boundary === undefined ? [] : [role.boundary])].flatMap(
          (arn) => policies.get(arn) ?? [],
        ),
      ),
      rolesMissing: inventory.rolesMissing.filter((arn) => named.has(arn) || named.has(parseRoleArn(arn)?.name ?? arn)),
    };
  };
};

/** Everything in a text that can be the name or the ARN of a role. */
const namesIn = (text: string): ReadonlySet<string> => new Set(text.match(/[\w+=,.@:/-]+/g) ?? []);
