import { type JsonObject, textAt } from '../model/json.js';
import type { Plan } from '../model/plan.js';
import type { ContainerIdentity, PodIdentity } from '../sandbox/brokers/pod-identity.js';
import type { Sandbox } from '../sandbox/sandbox.js';
import { type AccessText, accessOf } from './access.js';
import { ownerTitle, podFromTemplate, type Subject } from './estate-subjects.js';

/** What each container of one pod gets, and from whom. */
export type Got = ReadonlyMap<string, Pick<ContainerIdentity, 'role' | 'source'>>;

export const gotBy = (identity: PodIdentity): Got =>
  new Map(identity.containers.map(({ container, role, source }) => [container, { role, source }]));

/** Steps that may touch what the CNI is allowed to do. */
const networkSteps = new Set([
  'update-addon',
  'detach-role-policy',
  'delete-role-policy',
  'install-pod-identity-agent',
]);

/** The estate before anything was done: what everybody had, asked once each. */
export class Beginning {
  readonly #sandbox: Sandbox;
  readonly #got = new Map<string, Got | null>();
  readonly #pods = new Map<string, JsonObject | null>();
  readonly #access = new Map<string, AccessText | null>();

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
  }

  /** What a pod of that workload had on that node; null where there was none to ask. */
  had(subject: Subject, node: string): Got | null {
    const key = `${subject.title} ${node}`;
    const known = this.#got.get(key);
    if (known !== undefined) return known;
    let pod = this.#pods.get(subject.title);
    if (pod === undefined) {
      pod = this.#podOf(subject);
      this.#pods.set(subject.title, pod);
    }
    const got = pod === null ? null : gotBy(this.#sandbox.identityOfNew({ object: pod, node }));
    this.#got.set(key, got);
    return got;
  }

  /** What its service account gave it beside an identity at AWS; null where no template tells. */
  access(subject: Subject): AccessText | null {
    const known = this.#access.get(subject.title);
    if (known !== undefined) return known;
    const pod = podFromTemplate(this.#sandbox, subject);
    const access = pod === null ? null : accessOf(this.#sandbox, pod);
    this.#access.set(subject.title, access);
    return access;
  }

  /** Nodes whose pods got addresses, and must keep getting them; none where no step touches what the CNI may do. */
  nodesWithAddresses(plan: Plan): readonly string[] {
    const moved = plan.moves.some((move) => move.from.broker === 'node-role' && !move.blocked);
    if (!moved && !plan.steps.some((step) => networkSteps.has(step.kind))) return [];
    return this.#sandbox.view
      .list('v1', 'Node')
      .map((node) => textAt(node, 'metadata', 'name') ?? '')
      .filter((node) => this.#sandbox.canAttachAddresses(node));
  }

  #podOf(subject: Subject): JsonObject | null {
    const wanted = podFromTemplate(this.#sandbox, subject);
    if (wanted === null)
      return (
        this.#sandbox.view
          .list('v1', 'Pod', subject.workload.ref.namespace)
          .find((pod) => ownerTitle(this.#sandbox, pod) === subject.title) ?? null
      );
    try {
      return this.#sandbox.cluster.admitted(wanted);
    } catch {
      return null;
    }
  }
}
