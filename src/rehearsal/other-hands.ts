import type { Gate } from '../model/gate.js';
import type { JournalEvent } from '../model/journal.js';
import { type Json, type JsonObject, listAt, objectAt, textAt } from '../model/json.js';
import { pointerKeys } from '../model/json-pointer.js';
import type { Plan, Step } from '../model/plan.js';
import { withAt } from '../sandbox/kubernetes/object.js';
import { ownerTitle, subjectKey } from './estate-subjects.js';
import type { Twin } from './twin.js';

/**
 * Everybody else whom a plan waits for, as far as a rehearsal can stand in for them: the owner of a source of truth who merges a patch, the
 * person who replaces the pods of a workload that does not roll.
 */
export class OtherHands {
  readonly #twin: Twin;
  readonly #steps: ReadonlyMap<string, Step>;
  readonly #resumed = new Map<
    string,
    { readonly apiVersion: string; readonly namespace: string; readonly name: string }
  >();
  /** What was done by hand, for the report. */
  readonly acts: string[] = [];

  constructor(twin: Twin, plan: Plan) {
    this.#twin = twin;
    this.#steps = new Map(plan.steps.map((step) => [step.id, step as Step]));
  }

  /** An owner merges when the tool begins to wait, and takes it back when the tool begins to wait for that. */
  heard(event: JournalEvent): void {
    if (event.type !== 'started' && event.type !== 'undo-started') return;
    const step = this.#steps.get(event.step);
    if (step?.kind !== 'wait-for-handoff') return;
    this.#twin.clock.after(20_000, () => this.#merge(step, event.type === 'started' ? 'changes' : 'reverse'));
  }

  /** A person answers a gate: does what it waits for first. */
  answer(gate: Gate): { readonly open: true; readonly by: string } {
    const id = gate.id.replace(/^restart:/, '');
    const step = this.#steps.get(id);
    if (gate.id.startsWith('restart:') && step !== undefined) this.#replace(step);
    return { open: true, by: 'the rehearsal' };
  }

  /** Replaces the pods of the workload that a step of this id waits for; false where nobody can. */
  replace(stepId: string): boolean {
    const step = this.#steps.get(stepId);
    return step === undefined ? false : this.#replace(step);
  }

  /** Puts back what was changed only to let the plan go on: Deployments that were paused are paused again. */
  leave(): void {
    const { view } = this.#twin.sandbox;
    for (const { apiVersion, namespace, name } of this.#resumed.values()) {
      const object = view.get(apiVersion, 'Deployment', namespace, name);
      if (object !== null) view.put(withAt(object, ['spec', 'paused'], true));
    }
    this.#resumed.clear();
  }

  #merge(step: Step, which: 'changes' | 'reverse'): void {
    const { view } = this.#twin.sandbox;
    for (const change of listAt(step.params, which)) {
      const ref = objectAt({ change }, 'change', 'ref');
      const namespace = textAt(ref, 'namespace') ?? '';
      const object = view.get(
        textAt(ref, 'apiVersion') ?? '',
        textAt(ref, 'kind') ?? '',
        namespace === '' ? undefined : namespace,
        textAt(ref, 'name') ?? '',
      );
      if (object === null) continue;
      const path = pointerKeys(textAt(change, 'pointer') ?? '');
      const value = (change as { readonly value?: Json }).value ?? null;
      view.put(withAt(object, path, value === null ? undefined : value));
    }
    this.acts.push(`${textAt(step.params, 'tool') ?? 'the owner'} delivers ${which} of ${step.id}`);
  }

  #replace(step: Step): boolean {
    const { sandbox } = this.#twin;
    const kind = textAt(step.params, 'workload', 'kind') ?? '';
    const namespace = textAt(step.params, 'workload', 'namespace') ?? '';
    const name = textAt(step.params, 'workload', 'name') ?? '';
    const apiVersion = textAt(step.params, 'workload', 'apiVersion') ?? '';
    const object = sandbox.view.get(apiVersion, kind, namespace, name);
    if (object === null) return false;
    this.acts.push(`a person replaces the pods of ${kind} ${namespace}/${name}`);
    if (kind === 'Pod') {
      sandbox.view.remove('v1', 'Pod', namespace, name);
      sandbox.cluster.create(freshPod(object));
      this.#wait(5_000);
      return true;
    }
    if (kind === 'Deployment' && objectAt(object, 'spec')['paused'] === true) {
      sandbox.view.put(withAt(object, ['spec', 'paused'], undefined));
      this.#resumed.set(`${namespace}/${name}`, { apiVersion, namespace, name });
      this.#wait(120_000);
      return true;
    }
    const title = subjectKey(kind, namespace, name);
    for (const pod of sandbox.view.list('v1', 'Pod', namespace))
      if (ownerTitle(sandbox, pod) === title)
        sandbox.view.remove('v1', 'Pod', namespace, textAt(pod, 'metadata', 'name') ?? '');
    this.#wait(60_000);
    return true;
  }

  /** Time in which the controllers act; other waits fall due meanwhile, as they would. */
  #wait(ms: number): void {
    this.#twin.clock.advanceNow(ms);
  }
}

/** A pod as its manifest has it: without what admission and the server added. */
const freshPod = (pod: JsonObject): JsonObject => {
  const injected = new Set(['aws-iam-token', 'eks-pod-identity-token']);
  const ours =
    /^(AWS_ROLE_ARN|AWS_WEB_IDENTITY_TOKEN_FILE|AWS_STS_REGIONAL_ENDPOINTS|AWS_CONTAINER_CREDENTIALS_FULL_URI|AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE|AWS_REGION|AWS_DEFAULT_REGION)$/;
  const isInjected = (volume: string): boolean => injected.has(volume) || volume.startsWith('kube-api-access-');
  const spec = objectAt(pod, 'spec');
  const containers = (list: string): Json =>
    listAt(spec, list).map((container) => ({
      ...objectAt({ container }, 'container'),
      env: listAt(container, 'env').filter((each) => !ours.test(textAt(each, 'name') ?? '')),
      volumeMounts: listAt(container, 'volumeMounts').filter((each) => !isInjected(textAt(each, 'name') ?? '')),
    }));
  const { nodeName: _node, ...rest } = spec;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: textAt(pod, 'metadata', 'name') ?? '',
      namespace: textAt(pod, 'metadata', 'namespace') ?? '',
      labels: objectAt(pod, 'metadata', 'labels'),
      annotations: objectAt(pod, 'metadata', 'annotations'),
    },
    spec: {
      ...rest,
      containers: containers('containers'),
      ...(listAt(spec, 'initContainers').length === 0 ? {} : { initContainers: containers('initContainers') }),
      volumes: listAt(spec, 'volumes').filter((volume) => !isInjected(textAt(volume, 'name') ?? '')),
    },
  };
};
