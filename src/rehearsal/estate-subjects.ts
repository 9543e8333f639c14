import type { Inventory, Workload } from '../model/inventory.js';
import { at, isObject, type JsonObject, listAt, objectAt, textAt } from '../model/json.js';
import { pointerKeys } from '../model/json-pointer.js';
import type { Move, Plan } from '../model/plan.js';
import type { Sandbox } from '../sandbox/sandbox.js';

/** A workload whose pods are watched, with the move that it belongs to. */
export interface Subject {
  /** `Deployment payments/api` */
  readonly title: string;
  readonly workload: Workload;
  /** Null where it is nobody's move: then nothing about it may change. */
  readonly move: Move | null;
}

export const subjectKey = (kind: string, namespace: string, name: string): string => `${kind} ${namespace}/${name}`;

/** Every workload of the estate, with its move where it has one that is executed. */
export const subjectsOf = (inventory: Inventory, plan: Plan): ReadonlyMap<string, Subject> => {
  const moves = new Map<string, Move>();
  for (const move of plan.moves)
    if (!move.blocked && !move.skip && move.to !== null)
      for (const { kind, namespace, name } of move.workloads) moves.set(subjectKey(kind, namespace ?? '', name), move);
  return new Map(
    inventory.workloads.map((workload) => {
      const title = subjectKey(workload.ref.kind, workload.ref.namespace ?? '', workload.ref.name);
      return [title, { title, workload, move: moves.get(title) ?? null }];
    }),
  );
};

/** Title of the top owner of a pod: of the Deployment behind its ReplicaSet, the CronJob behind its Job; of the pod itself. */
export const ownerTitle = (sandbox: Sandbox, pod: JsonObject): string => {
  const namespace = textAt(pod, 'metadata', 'namespace') ?? '';
  let object: JsonObject = pod;
  for (let depth = 0; depth < 4; depth += 1) {
    const owner = listAt(object, 'metadata', 'ownerReferences').find((each) => at(each, 'controller') === true);
    if (owner === undefined) break;
    const kind = textAt(owner, 'kind') ?? '';
    const name = textAt(owner, 'name') ?? '';
    const above = sandbox.view.get(textAt(owner, 'apiVersion') ?? '', kind, namespace, name);
    if (above === null) return subjectKey(kind, namespace, name);
    object = above;
  }
  return subjectKey(textAt(object, 'kind') ?? 'Pod', namespace, textAt(object, 'metadata', 'name') ?? '');
};

/** The workload as the twin has it now; null where it is not there. */
export const objectOf = (sandbox: Sandbox, { ref }: Workload): JsonObject | null =>
  sandbox.view.get(ref.apiVersion, ref.kind, ref.namespace, ref.name);

/** A pod as the workload's template would make it now; null where no template is known. Bare pods are as they are. */
export const podFromTemplate = (sandbox: Sandbox, subject: Subject): JsonObject | null => {
  const { workload } = subject;
  const object = objectOf(sandbox, workload);
  if (object === null || workload.ref.kind === 'Pod' || workload.templatePath === '') return null;
  const template = at(object, ...pointerKeys(workload.templatePath));
  if (!isObject(template)) return null;
  const namespace = workload.ref.namespace ?? 'default';
  const spec = objectAt(template, 'spec');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...objectAt(template, 'metadata'),
      namespace,
      generateName: `${workload.ref.name.slice(0, 40)}-rehearsal-`,
    },
    // The API server leaves Always out for pods of Jobs, whose templates say otherwise themselves.
    spec,
  };
};
