import { isObject, type JsonObject, textAt } from '../model/json.js';
import { limitedAccess, limitedUser, userOfEksToken } from './access.js';
import { accountView } from './account-view.js';
import { canAttachAddresses } from './address-permission.js';
import { type ApiCall, faulty, throttled } from './answers.js';
import type { World } from './aws/account.js';
import { userKey } from './aws/caller.js';
import { Aws } from './aws/service.js';
import type { Estate } from './brokers/estate.js';
import { identityOfPod, type PodIdentity } from './brokers/pod-identity.js';
import { canonicalAws } from './canonical-aws.js';
import { realClock } from './clock.js';
import type { ClusterView, HttpRequest, HttpResponse, SandboxClock } from './contract.js';
import { control } from './control.js';
import { ConnectionLost, Faults } from './faults.js';
import { worldOf } from './found-estate.js';
import { addInstance, nodeObject, nodeObjects } from './found-nodes.js';
import { createCluster, type SimulatedCluster } from './kubernetes/cluster.js';
import { Buckets, laneOf } from './lanes.js';
import { Rights } from './rights.js';
import { callerNamed, routeOf } from './route.js';
import type { Scenario } from './scenario-schema.js';
import { seed, versionText } from './seed.js';
import type { Settings } from './settings.js';
import { Uses } from './uses.js';

export interface Authorise {
  /** IAM policy document of the caller; null or absent lets it do everything. */
  readonly iam?: JsonObject | string | null;
  /** Roles and ClusterRoles that the kubeconfig's user has; absent makes it an administrator. */
  readonly rbac?: readonly JsonObject[] | null;
  /** IAM policy documents of the callers in other accounts, by account; `iam` holds for those that are not named. */
  readonly accounts?: Readonly<Record<string, JsonObject | string>> | null;
}

export interface SandboxOptions {
  readonly scenario: Scenario;
  readonly clock?: SandboxClock;
  readonly settings?: Partial<Settings>;
  /** Calls beyond it are refused. */
  readonly authorise?: Authorise | null;
}

/** A pod that does not exist yet, as the cluster would admit it, and where it would run. */
export interface NewPod {
  /** The pod object after admission (a dry run's answer). */
  readonly object: JsonObject;
  readonly node: string;
}

interface Inner {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly aws: Aws;
  readonly uses: Uses;
}

/** A whole simulated world: one cluster, its accounts, its brokers; reached by HTTP requests, over a socket or in the process. */
export class Sandbox {
  readonly options: SandboxOptions;
  readonly clock: SandboxClock;
  readonly faults = new Faults();
  /** What callers with limited rights (`authorise`) were asked for; empty where nobody is limited. */
  readonly rights = new Rights();
  readonly #buckets = new Buckets();
  #inner: Inner;
  #authorise: Authorise | null;
  /** The objects that give the limited user its rights. */
  #limits: readonly JsonObject[] = [];

  constructor(options: SandboxOptions, from?: Sandbox) {
    this.options = options;
    this.#authorise = from === undefined ? (options.authorise ?? null) : from.#authorise;
    this.#limits = from === undefined ? [] : from.#limits;
    this.clock = options.clock ?? realClock();
    this.#inner = from === undefined ? this.#found() : this.#forked(from.#inner);
  }

  get scenario(): Scenario {
    return this.options.scenario;
  }
  get world(): World {
    return this.#inner.world;
  }
  get view(): ClusterView {
    return this.#inner.cluster;
  }
  get cluster(): SimulatedCluster {
    return this.#inner.cluster;
  }
  get settings(): Settings {
    return this.#inner.world.settings;
  }

  /** Variables that point any client at the sandbox, but for KUBECONFIG and the endpoint, which `serve` adds. */
  get environment(): Readonly<Record<string, string>> {
    return {
      AWS_REGION: this.scenario.cluster.region,
      AWS_ACCESS_KEY_ID: userKey(this.scenario.cluster.account),
      AWS_SECRET_ACCESS_KEY: 'sandbox-secret',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
  }

  /** Another world that begins as this one is now; nothing that happens in one is seen in the other. Faults are not taken along. */
  fork(clock: SandboxClock): Sandbox {
    return new Sandbox({ ...this.options, clock }, this);
  }

  /** Puts everything back to how the scenario has it. */
  reset(): void {
    this.faults.clear();
    this.faults.forget();
    this.rights.forget();
    this.#authorise = this.options.authorise ?? null;
    this.#inner.cluster.stop();
    this.#inner = this.#found();
  }

  /**
   * From now on callers have these rights and no others; null lets them do everything. Only for a sandbox that began with
   * `authorise.rbac`: another's kubeconfig belongs to an administrator. What was used so far stays noted.
   */
  limit(authorise: Authorise | null): void {
    for (const object of this.#limits)
      this.cluster.remove(
        textAt(object, 'apiVersion') ?? '',
        textAt(object, 'kind') ?? '',
        textAt(object, 'metadata', 'namespace'),
        textAt(object, 'metadata', 'name') ?? '',
      );
    this.#authorise = authorise;
    const rbac = authorise?.rbac ?? null;
    this.#limits = rbac === null ? [everything] : limitedAccess(rbac).objects;
    for (const object of this.#limits) this.cluster.put(object);
  }

  /** Answers a request as the real servers would. Rejects where the connection breaks or nobody is there. */
  async handle(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const routed = routeOf(request, this.scenario.cluster.region);
    if (routed === null) return { status: 404, headers: { 'content-type': 'text/plain' }, body: 'not found\n' };
    if (routed.to === 'control') return control(this, request, routed.path);
    const aws = routed.to === 'aws';
    const service = aws ? routed.call.service : 'kubernetes';
    const action = aws ? routed.call.operation : routed.action;
    const write = aws ? routed.call.write : routed.write;
    const counted = aws ? write : routed.counted;
    const call = this.faults.note({
      at: this.clock.now(),
      service,
      action,
      write,
      counted,
      url: request.url,
      caller: callerNamed(request),
    });
    const fault = this.faults.take(service, action, `${request.url}\n${decoded(request.body)}`);
    const wait = this.settings.latencyMs + (fault?.delayMs ?? 0);
    if (wait > 0) await this.clock.sleep(wait, signal);
    signal.throwIfAborted();
    if (fault?.drop === 'before') throw new ConnectionLost('connection reset before the request was carried out');
    const answer = faulty(routed, fault) ?? (await this.#carryOut(routed, request, signal, call));
    call.status = answer.status;
    if (fault?.drop === 'late') throw new ConnectionLost('the request was carried out and its answer lost');
    const date = new Date(Math.floor(this.clock.now() / 1000) * 1000).toUTCString();
    return { ...answer, headers: { date, ...answer.headers } };
  }

  async #carryOut(
    routed: ApiCall,
    request: HttpRequest,
    signal: AbortSignal,
    call: ReturnType<Faults['note']>,
  ): Promise<HttpResponse> {
    const lane = laneOf(call.service, call.write);
    if (!this.#buckets.admit(lane, this.settings.rates[lane], this.clock.now())) return throttled(routed);
    if (this.faults.die(call, 'before')) throw new ConnectionLost('the caller was ended before its write');
    const answer =
      routed.to === 'aws' ? this.#answerAws(routed.call, request) : await this.#inner.cluster.handle(request, signal);
    if (this.faults.die(call, 'after')) throw new ConnectionLost('the caller was ended after its write');
    return answer;
  }

  #answerAws(call: Extract<ApiCall, { to: 'aws' }>['call'], request: HttpRequest): HttpResponse {
    const looks = ['LookupEvents', 'GetRole', 'GetServiceLastAccessedDetails'];
    if (looks.includes(call.operation)) this.#inner.uses.look(this.estate, this.scenario.cluster.region);
    return this.#inner.aws.handle(request, call);
  }

  get estate(): Estate {
    return { world: this.#inner.world, view: this.#inner.cluster };
  }

  /** Which role a pod gets right now; null where the pod is not there. */
  identityOf(namespace: string, pod: string): PodIdentity | null {
    const object = this.view.get('v1', 'Pod', namespace, pod);
    return object === null ? null : identityOfPod(this.estate, object);
  }
  /** The same for a pod that would be admitted now. */
  identityOfNew(pod: NewPod): PodIdentity {
    const spec = isObject(pod.object['spec']) ? pod.object['spec'] : {};
    const status = { phase: 'Running', podIP: '10.0.255.255' };
    return identityOfPod(this.estate, { ...pod.object, spec: { ...spec, nodeName: pod.node }, status });
  }
  /** Of every pod that is not over, in the order of namespace and name. */
  identities(namespace?: string): readonly PodIdentity[] {
    return this.view
      .list('v1', 'Pod', namespace)
      .filter((pod) => !['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase') ?? ''))
      .map((pod) => identityOfPod(this.estate, pod));
  }

  /** Whether new pods on that node can get addresses now: what the CNI's daemon there is allowed to do. */
  canAttachAddresses(node: string): boolean {
    return canAttachAddresses(this.estate, node, this.scenario.cluster.ipFamily);
  }

  /** The whole state without what servers make up (ids, times, versions): equal estates have equal canonical states. */
  canonical(): JsonObject {
    return { kubernetes: this.#inner.cluster.canonical(), aws: canonicalAws(this.#inner.world) };
  }

  /** Waits, on the sandbox's own clock, until the controllers have nothing left to do; at most so many milliseconds. */
  async settled(limitMs = 30_000): Promise<boolean> {
    const until = this.clock.now() + limitMs;
    while (!this.#inner.cluster.settled()) {
      if (this.clock.now() >= until) return false;
      await this.clock.sleep(20);
    }
    return true;
  }

  /** A node joins: its instance runs, its kubelet registers it, and it becomes Ready once its network works. */
  join(given: Scenario['nodes'][number]): void {
    const node = { ...given, ready: false };
    const home = this.world.accounts.get(this.scenario.cluster.account);
    if (home !== undefined) addInstance(home, this.scenario, node);
    const object = nodeObject(this.scenario, node);
    const status = isObject(object['status']) ? object['status'] : {};
    this.#inner.cluster.put({ ...object, status: { ...status, conditions: [] } });
  }

  /** Ends timers and open watches. */
  stop(): void {
    this.#inner.cluster.stop();
  }

  #found(): Inner {
    const { scenario } = this.options;
    const world = worldOf(scenario, this.options.settings ?? {}, () => this.clock.now());
    const limited = this.#authorise !== null;
    if (limited) world.rights = this.rights;
    const access = limitedAccess(this.#authorise?.rbac ?? null);
    this.#limits = access.objects;
    const cluster = createCluster({
      clock: this.clock,
      account: accountView(scenario, () => this.#inner ?? { world, cluster: null }),
      issuer: scenario.cluster.issuer,
      version: versionText(scenario.cluster.version),
      users: access.users,
      anonymous: access.user,
      authenticate: (token) => userOfEksToken(token, access),
      rights: limited ? this.rights : null,
      // EKS runs its webhook with the cluster's Region as default.
      webhook: {
        ...(scenario.cluster.kind === 'eks' ? { injectRegion: scenario.cluster.region } : {}),
        ...scenario.cluster.webhook,
      },
      timings: scenario.cluster.timings,
    });
    seed(cluster, [...nodeObjects(scenario), ...access.objects, ...(scenario.kubernetes as JsonObject[])]);
    return { world, cluster, aws: this.#aws(world, cluster), uses: new Uses() };
  }

  #forked(from: Inner): Inner {
    const world = from.world.fork(() => this.clock.now());
    if (this.#authorise !== null) world.rights = this.rights;
    const cluster = from.cluster.fork(
      this.clock,
      accountView(this.scenario, () => this.#inner ?? { world, cluster: null }),
    );
    return { world, cluster, aws: this.#aws(world, cluster), uses: new Uses(from.uses) };
  }

  #aws(world: World, cluster: SimulatedCluster): Aws {
    const { scenario } = this.options;
    const { region } = scenario.cluster;
    return new Aws({
      world,
      defaultAccount: scenario.cluster.account,
      region,
      regions: [...new Set([region, ...scenario.regions])],
      view: (name) => (name === '' || name === scenario.cluster.name ? cluster : null),
      userPolicy: ({ account, session }) => {
        const { iam, accounts } = this.#authorise ?? {};
        const own = accounts && Object.hasOwn(accounts, account) ? accounts[account] : undefined;
        // Sessions have their role's rights; only those that a run opens for another account are limited further.
        const given = (session === null ? (own ?? iam) : session.name === 'rolelift-account' ? own : null) ?? null;
        return given === null || typeof given === 'string' ? given : JSON.stringify(given);
      },
    });
  }
}

/** What a limited user has once nothing is limited any more. */
const everything: JsonObject = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'sandbox-user-everything' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: limitedUser.name }],
};

const decoded = (body: string): string => {
  try {
    return body.length > 100_000 ? body : `${body}\n${decodeURIComponent(body)}`;
  } catch {
    return body;
  }
};

/** A sandbox of a scenario. In the process: give `handle` to the clients as their transport. Over HTTP: see `serve`. */
export const createSandbox = (options: SandboxOptions): Sandbox => new Sandbox(options);
