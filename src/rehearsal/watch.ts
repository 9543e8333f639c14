import type { Inventory } from '../model/inventory.js';
import { type JsonObject, textAt } from '../model/json.js';
import type { Plan } from '../model/plan.js';
import type { PodIdentity } from '../sandbox/brokers/pod-identity.js';
import { podView } from '../scan/pod-view.js';
import { accessOf } from './access.js';
import { Beginning, gotBy } from './beginning.js';
import { objectOf, ownerTitle, podFromTemplate, type Subject, subjectsOf } from './estate-subjects.js';
import { changes, disagreement, type Phase, said } from './judgement.js';
import { keysReadFor } from './keys-read.js';
import type { IdentityModel } from './model.js';
import { Reread } from './reread.js';
import type { Twin } from './twin.js';
import type { Write } from './writes.js';

/** Something that must never be so, and is. */
export interface Violation {
  readonly message: string;
  /** `Deployment payments/api` */
  readonly subject: string;
  readonly move: string | null;
}

export interface WatchOptions {
  readonly plan: Plan;
  readonly inventory: Inventory;
  readonly model: IdentityModel;
  /** The estate before anything was done; nobody else may use it. */
  readonly start: Twin;
}

const isOver = (pod: JsonObject): boolean =>
  ['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase') ?? '') ||
  textAt(pod, 'metadata', 'deletionTimestamp') !== undefined;

/**
 * Holds one play to the invariants: each pod of a move gets `from` or `to` of its own move and nothing else, every other pod what it had;
 * for pods that run and for any pod created at this moment. What a pod gets is the sandbox's to say; the identity model is asked the
 * same and has to agree (H23). After a write only those answers are asked again that have read what was written.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #subjects: ReadonlyMap<string, Subject>;
  readonly #byKey = new Map<string, Set<string>>();
  readonly #reread: Reread;
  readonly #start: Beginning;
  readonly #pods = new Map<string, Set<string>>();
  readonly #owners = new Map<string, string>();
  readonly #dirty = new Set<string>();
  /** What each pod was made of when it was asked last. */
  readonly #asked = new Map<string, { readonly spec: unknown; readonly writes: number }>();
  #writes = 0;
  readonly #found = new Map<string, Violation>();
  readonly #network: readonly string[];
  readonly #stopListening: () => void;
  readonly #twin: Twin;
  #listening = false;
  phase: Phase = 'prepare';
  /** What is wrong for a while does not count, only what still is when everything is asked. */
  lenient = false;
  #asksAll = false;
  /** States that were checked, and answers that were asked. */
  states = 0;
  answers = 0;

  constructor(twin: Twin, options: WatchOptions) {
    this.#twin = twin;
    this.#start = new Beginning(options.start.sandbox);
    this.#options = options;
    this.#subjects = subjectsOf(options.inventory, options.plan);
    this.#reread = new Reread(options.model.worldOf(options.inventory));
    for (const subject of this.#subjects.values())
      for (const key of keysReadFor(subject, options.model, this.#reread.world)) this.#index(key, subject.title);
    for (const pod of twin.sandbox.view.list('v1', 'Pod')) this.#noted(pod, false);
    this.#dirty.clear();
    this.#listening = true;
    this.#network = this.#start.nodesWithAddresses(options.plan);
    this.#stopListening = twin.sandbox.cluster.listen((event) => {
      if (event.table === '/pods') this.#noted(event.object, event.type === 'DELETED');
    });
  }

  get violations(): readonly Violation[] {
    return [...this.#found.values()];
  }

  stop(): void {
    this.#listening = false;
    this.#stopListening();
  }

  /** Asks about every workload and every pod, as at the beginning and at the end of a stage. */
  everything(): void {
    this.states += 1;
    this.#asksAll = true;
    this.#reread.read(['all'], this.#twin.sandbox);
    for (const subject of this.#subjects.values()) {
      this.#askNew(subject);
      this.#askRunning(subject.title);
      this.#askAccess(subject);
    }
    this.#dirty.clear();
    this.#askNetwork();
    this.#asksAll = false;
  }

  /** Pods that controllers made or changed since the last look. */
  movements(): void {
    if (this.#dirty.size === 0) return;
    this.states += 1;
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    for (const key of dirty) this.#askPod(key);
  }

  /** One write was carried out. */
  after(write: Write): void {
    this.states += 1;
    this.#writes += 1;
    const { sandbox } = this.#twin;
    this.#reread.read(write.keys, sandbox);
    for (const title of this.#touchedBy(write.keys)) {
      const subject = this.#subjects.get(title) as Subject;
      this.#askNew(subject);
      this.#askRunning(title);
      this.#askAccess(subject);
    }
    this.movements();
    if (write.keys.some((key) => /^(role|policy|associations?|all|workload:daemonsets)/.test(key))) this.#askNetwork();
  }

  /** Before anything: does the twin give every pod what the plan says that it has? */
  beginning(): void {
    for (const subject of this.#subjects.values()) {
      const { move } = subject;
      if (move === null || move.from.role === null || move.to === null) continue;
      for (const key of this.#pods.get(subject.title) ?? []) {
        const pod = this.#pod(key);
        if (pod === null || isOver(pod) || textAt(pod, 'spec', 'nodeName') === undefined) continue;
        const roles = [...gotBy(this.#ask(pod)).values()].map(({ role }) => role);
        if (!roles.includes(move.from.role))
          this.#wrong(
            subject,
            `before anything was done, ${subject.title} gets ${said(roles)}, and the plan takes it to have ${move.from.role}`,
          );
      }
    }
    this.everything();
  }

  #wrong(subject: Subject | null, message: string, title = subject?.title ?? ''): void {
    if (this.lenient && !this.#asksAll) return;
    if (!this.#found.has(message))
      this.#found.set(message, { message, subject: title, move: subject?.move?.id ?? null });
  }

  #index(key: string, title: string): void {
    const list = this.#byKey.get(key);
    if (list === undefined) this.#byKey.set(key, new Set([title]));
    else list.add(title);
  }

  #touchedBy(keys: readonly string[]): ReadonlySet<string> {
    const found = new Set<string>();
    for (const key of keys) {
      if (key === 'all' || key === 'associations' || key.startsWith('policy:')) return new Set(this.#subjects.keys());
      if (key === 'binding') {
        for (const [title, subject] of this.#subjects) if (subject.move !== null) found.add(title);
        continue;
      }
      const workload = /^workload:[^/]+\/(.*)$/.exec(key);
      for (const title of this.#byKey.get(workload === null ? key : `name:${workload[1]}`) ?? []) found.add(title);
      const pod = /^pod:(.*)$/.exec(key)?.[1];
      if (pod !== undefined) this.#dirty.add(pod);
    }
    return found;
  }

  #noted(pod: JsonObject, gone: boolean): void {
    const key = `${textAt(pod, 'metadata', 'namespace') ?? ''}/${textAt(pod, 'metadata', 'name') ?? ''}`;
    if (gone) {
      const title = this.#owners.get(key);
      if (title !== undefined) this.#pods.get(title)?.delete(key);
      this.#owners.delete(key);
      this.#asked.delete(key);
      this.#dirty.delete(key);
      return;
    }
    if (this.#dirty.size === 0 && this.#listening) this.#twin.clock.after(1, () => this.movements());
    if (!this.#owners.has(key)) {
      const title = ownerTitle(this.#twin.sandbox, pod);
      this.#owners.set(key, title);
      const list = this.#pods.get(title);
      if (list === undefined) this.#pods.set(title, new Set([key]));
      else list.add(key);
    }
    this.#dirty.add(key);
  }

  #pod(key: string): JsonObject | null {
    const [namespace = '', name = ''] = key.split('/');
    return this.#twin.sandbox.view.get('v1', 'Pod', namespace, name);
  }

  #ask(pod: JsonObject): PodIdentity {
    this.answers += 1;
    return this.#twin.sandbox.identityOf(
      textAt(pod, 'metadata', 'namespace') ?? '',
      textAt(pod, 'metadata', 'name') ?? '',
    ) as PodIdentity;
  }

  #askRunning(title: string): void {
    for (const key of this.#pods.get(title) ?? []) {
      this.#dirty.delete(key);
      this.#askPod(key);
    }
  }

  #askPod(key: string): void {
    const pod = this.#pod(key);
    const title = this.#owners.get(key);
    const subject = title === undefined ? undefined : this.#subjects.get(title);
    const node = textAt(pod, 'spec', 'nodeName');
    if (pod === null || subject === undefined || node === undefined || isOver(pod)) return;
    // A pod that only started or got ready since has the same variables, the same token and the same place.
    const last = this.#asked.get(key);
    if (!this.#asksAll && last?.spec === pod['spec'] && last?.writes === this.#writes) return;
    this.#asked.set(key, { spec: pod['spec'], writes: this.#writes });
    const identity = this.#ask(pod);
    this.#hold(subject, node, pod, identity, `pod ${key}`);
  }

  /** A pod that would be created at this moment, wherever it can make a difference. */
  #askNew(subject: Subject): void {
    const { sandbox } = this.#twin;
    const wanted = podFromTemplate(sandbox, subject);
    if (wanted === null) return;
    let pod: JsonObject;
    try {
      pod = sandbox.cluster.admitted(wanted);
    } catch (thrown) {
      this.#wrong(subject, `no new pod of ${subject.title} would be admitted: ${(thrown as Error).message}`);
      return;
    }
    for (const node of this.#nodesFor(subject)) {
      this.answers += 1;
      const identity = sandbox.identityOfNew({ object: pod, node });
      this.#hold(subject, node, pod, identity, 'a pod that is created at this moment');
    }
  }

  #nodesFor({ title, workload }: Subject): readonly string[] {
    const nodes = new Set<string>();
    for (const key of this.#pods.get(title) ?? []) {
      const node = textAt(this.#pod(key), 'spec', 'nodeName');
      if (node !== undefined) nodes.add(node);
      if (nodes.size >= 2) break;
    }
    for (const node of this.#reread.world.nodeKindsFor(workload.template).slice(0, 4))
      if (this.#twin.sandbox.view.get('v1', 'Node', undefined, node.name) !== null) nodes.add(node.name);
    return [...nodes];
  }

  #hold(subject: Subject, node: string, pod: JsonObject, identity: PodIdentity, which: string): void {
    const before = this.#start.had(subject, node);
    for (const message of changes(subject, { before, identity, which, phase: this.phase }))
      this.#wrong(subject, message);
    const answer = this.#options.model.answer(
      podView(pod, textAt(pod, 'metadata', 'namespace') ?? ''),
      this.#reread.world,
      { node },
    );
    const message = disagreement(subject, { answer, pod, identity, which });
    if (message !== null) this.#wrong(subject, message);
  }

  /** A pod that gets another service account keeps what the old one was allowed and could pull (H18). */
  #askAccess(subject: Subject): void {
    if (subject.move === null) return;
    const before = this.#start.access(subject);
    if (before === null) return;
    const object = objectOf(this.#twin.sandbox, subject.workload);
    const pod = object === null ? null : podFromTemplate(this.#twin.sandbox, subject);
    if (pod === null) return;
    const now = accessOf(this.#twin.sandbox, pod);
    const lost = [...before].filter((each) => !now.has(each));
    if (lost.length > 0)
      this.#wrong(subject, `${subject.title}: a pod that is created at this moment loses ${lost.join(', ')}`);
  }

  #askNetwork(): void {
    for (const node of this.#network)
      if (
        this.#twin.sandbox.view.get('v1', 'Node', undefined, node) !== null &&
        !this.#twin.sandbox.canAttachAddresses(node)
      )
        this.#wrong(
          null,
          `new pods on node ${node} would get no address any more: the CNI lost its permission`,
          `Node ${node}`,
        );
  }
}
