import { RoleliftError } from '../model/error.js';
import type { Workload } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { groupOf, type Ref } from '../model/resource.js';
import type { Mechanism, Stage } from '../model/words.js';
import type { Registry } from '../steps/step.js';

/** A step before its kind has given it title, effect and undo. */
export interface StepDraft {
  readonly id: string;
  readonly kind: string;
  readonly stage: Stage;
  /** Null: shared by several moves. */
  readonly move: string | null;
  readonly target: Ref;
  readonly params: JsonObject;
  readonly before: JsonObject;
  readonly after: JsonObject;
  readonly dependsOn: readonly string[];
  readonly undoDependsOn: readonly string[];
}

/** What a pod's code must find: the value of `AWS_ROLE_ARN`, or the role of its association. */
export type Identity = { readonly mechanism: Mechanism; readonly role: string };

/** A workload as steps name it. */
export type WorkloadKey = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly templatePath: string;
};
export const workloadKey = (workload: Workload): WorkloadKey => ({
  apiVersion: workload.ref.apiVersion,
  kind: workload.ref.kind,
  namespace: workload.ref.namespace ?? '',
  name: workload.ref.name,
  templatePath: workload.templatePath,
});

/** `Kind/namespace/name`: how preconditions list the users of a service account (H21). */
export const userText = (workload: Workload): string =>
  `${workload.ref.kind}/${workload.ref.namespace ?? ''}/${workload.ref.name}`;

/** Groups whose kinds are told apart by the kind alone. */
const builtIn = new Set(['', 'apps', 'batch']);
/** `Kind` as step ids carry it: with its group for custom resources, so that two kinds of one name stay apart. */
const kindText = (workload: Workload): string => {
  const group = groupOf(workload.ref.apiVersion);
  return builtIn.has(group) ? workload.ref.kind : `${workload.ref.kind}.${group}`;
};
/** `<kind>:<namespace>/<Kind>/<name>[:<phase>]` */
export const stepId = (kind: string, namespace: string, of: string, name: string, phase?: string): string =>
  `${kind}:${namespace}/${of}/${name}${phase === undefined ? '' : `:${phase}`}`;
export const workloadStepId = (kind: string, workload: Workload, phase?: string): string =>
  stepId(kind, workload.ref.namespace ?? '', kindText(workload), workload.ref.name, phase);

/** Title, effect and undo come from the step's kind; parameters are checked by it (RL903 where the kind is not there). */
export const complete = (draft: StepDraft, kinds: Registry): Step => {
  const kind = kinds.get(draft.kind);
  if (kind === undefined)
    throw new RoleliftError({
      code: 'RL903',
      message: `the planner made a step of kind ${draft.kind}, which no step kind serves`,
      remedy: 'Report it: the planner and the step registry do not match.',
      fault: 'tool',
    });
  const bare: Step = {
    ...draft,
    params: kind.parseParams(draft.params),
    title: '',
    effect: 'none',
    undo: '',
    skip: false,
    note: '',
  };
  const { title, effect, undo } = kind.describe(bare);
  return { ...bare, title, effect, undo };
};
