import { createClients } from '../../src/clients/clients.js';
import { apply } from '../../src/engine/execute.js';
import {
  type ApplyOptions,
  defaultApplyOptions,
  defaultUnwindOptions,
  type Host,
  type RunResult,
} from '../../src/engine/run.js';
import { unwind } from '../../src/engine/unwind.js';
import { openJournal } from '../../src/journal/journal.js';
import { memoryStore } from '../../src/journal/memory-store.js';
import type { Clock } from '../../src/model/clock.js';
import type { ErrorData } from '../../src/model/error.js';
import type { Transport } from '../../src/model/http.js';
import type { Inventory } from '../../src/model/inventory.js';
import { type JsonObject, listAt, textAt } from '../../src/model/json.js';
import { defaultPlanOptions, type PlanOptions } from '../../src/model/options.js';
import type { Plan } from '../../src/model/plan.js';
import type { Clients } from '../../src/model/ports.js';
import { agrees } from '../../src/planner/diff.js';
import { plan as makePlan } from '../../src/planner/plan.js';
import { rewind } from '../../src/planner/rewind.js';
import { optionsOf, validatePlan } from '../../src/planner/validate.js';
import { VirtualClock } from '../../src/sandbox/clock.js';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { checkScenario, type ScenarioInput } from '../../src/sandbox/scenario.js';
import { scan } from '../../src/scan/collect.js';
import type { ScanOptions } from '../../src/scan/options.js';
import { registry } from '../../src/steps/registry.js';

/** A whole estate in this process: the simulated cluster and accounts, the real clients, scan, planner and engine, on one virtual clock. */

const server = 'http://sandbox.invalid';
const rates = Object.fromEntries(
  ['kubernetes', 'iam', 'eks', 'ec2', 'sts', 'cloudtrail'].flatMap((api) => [
    [`${api}-read`, 10_000],
    [`${api}-write`, 10_000],
  ]),
);

export interface WorldOptions {
  /** Credentials for other accounts, assumed with those of the cluster's (`--account-role`). */
  readonly accountRoles?: Readonly<Record<string, string>>;
  /** API servers of other contexts, as a Giant Swarm management cluster's. */
  readonly contexts?: Readonly<Record<string, ScenarioInput>>;
  readonly scan?: Partial<ScanOptions>;
  /** Namespaces whose pods are looked at after every write. */
  readonly watched?: readonly string[];
  readonly approve?: Host['approve'];
  /** More of the host, as what is known of use (H10). */
  readonly host?: Partial<Host>;
}

/** What one pod had at one moment, in short: `namespace/account source role`. */
export type Seen = string;

export class World {
  readonly clock: VirtualClock;
  readonly sandbox: Sandbox;
  readonly others: ReadonlyMap<string, Sandbox>;
  /** Every identity that a ready pod of the watched namespaces had after any write. */
  readonly seen = new Set<Seen>();
  readonly #options: WorldOptions;
  #clients: Clients | null = null;
  #plan: Plan | null = null;
  #store = memoryStore();
  #runs = 0;

  private constructor(
    clock: VirtualClock,
    sandbox: Sandbox,
    others: ReadonlyMap<string, Sandbox>,
    options: WorldOptions,
  ) {
    this.clock = clock;
    this.sandbox = sandbox;
    this.others = others;
    this.#options = options;
  }

  static async of(scenario: ScenarioInput, options: WorldOptions = {}): Promise<World> {
    const clock = new VirtualClock();
    const raise = (input: ScenarioInput): Sandbox => createSandbox({ scenario: checkScenario(input, 'story'), clock });
    const others = new Map(Object.entries(options.contexts ?? {}).map(([name, input]) => [name, raise(input)]));
    const world = new World(clock, raise(scenario), others, options);
    await clock.advance(10_000);
    world.#clients = await world.#connect();
    return world;
  }

  get clients(): Clients {
    return this.#clients as Clients;
  }
  get plan(): Plan {
    return this.#plan as Plan;
  }

  /** Canonical state of everything there is. */
  estate(): JsonObject {
    return {
      cluster: this.sandbox.canonical(),
      others: Object.fromEntries([...this.others].map(([name, sandbox]) => [name, sandbox.canonical()])),
    };
  }

  /** What the ready pods of a namespace get, as the sandbox judges it: `account source role`, sorted, each once. */
  identities(namespace: string): readonly string[] {
    const ready = new Set(
      this.sandbox.view
        .list('v1', 'Pod', namespace)
        .filter(
          (pod) =>
            textAt(pod, 'metadata', 'deletionTimestamp') === undefined &&
            listAt(pod, 'status', 'conditions').some(
              (each) => textAt(each, 'type') === 'Ready' && textAt(each, 'status') === 'True',
            ),
        )
        .map((pod) => textAt(pod, 'metadata', 'name')),
    );
    const found = this.sandbox
      .identities(namespace)
      .filter((each) => ready.has(each.pod))
      .map(
        (each) =>
          `${each.serviceAccount} ${each.containers[0]?.source ?? 'none'} ${each.role ?? each.containers[0]?.error ?? 'none'}`,
      );
    return [...new Set(found)].sort();
  }

  async scanned(): Promise<Inventory> {
    const { region } = this.sandbox.scenario.cluster;
    const accounts = Object.fromEntries(
      Object.entries(this.#options.accountRoles ?? {}).map(([account, role]) => [account, `role:${role}`]),
    );
    return this.clock.drive(
      scan(this.clients, { context: 'sandbox', server, region, accounts, ...this.#options.scan }),
    );
  }

  /** Scans and plans; later runs execute this plan. */
  async planned(options: Partial<PlanOptions> = {}): Promise<Plan> {
    this.#plan = makePlan(
      await this.scanned(),
      { ...defaultPlanOptions, scope: ['workloads'], ...options },
      { createdAt: '2026-01-01T00:00:00Z', tool: 'story' },
    );
    validatePlan(JSON.parse(JSON.stringify(this.#plan)));
    this.#store = memoryStore();
    return this.#plan;
  }

  /** Executes what is left, as `rolelift apply` does: what a fresh plan would not do any more is refused (H21). */
  async apply(options: Partial<ApplyOptions> = {}): Promise<RunResult> {
    const refused = await this.#refused();
    return this.#run(async (parts) =>
      apply({ ...parts, options: { ...defaultApplyOptions, yes: true, refused, ...options } }),
    );
  }
  /** The retire stage, without a soak and without waiting for a proof of use that only a person can give. */
  async retire(options: Partial<ApplyOptions> = {}): Promise<RunResult> {
    return this.apply({ stages: ['retire'], soakMs: 0, acceptUnproven: ['all'], ...options });
  }
  async rollback(): Promise<RunResult> {
    return this.#run(async (parts) => unwind({ ...parts, options: { ...defaultUnwindOptions, yes: true } }));
  }

  async #refused(): Promise<ReadonlyMap<string, ErrorData>> {
    const { plan, clock } = this;
    const { state } = await openJournal(this.#store, { clock, run: 'look', serverTime: () => clock.now() });
    const applied = new Set(
      [...state.steps].flatMap(([id, { is }]) => (is === 'applied' || is === 'verified' ? [id] : [])),
    );
    const fresh = makePlan(rewind(await this.scanned(), plan, applied), optionsOf(plan), {
      createdAt: plan.createdAt,
      tool: plan.tool,
    });
    return new Map(
      agrees(plan, fresh).map(({ step, why }) => [
        step,
        { code: 'RL833', message: `${step}: ${why}`, subject: null, cause: why, remedy: '', fault: 'remote' as const },
      ]),
    );
  }

  async #run(act: (parts: Parts) => Promise<RunResult>): Promise<RunResult> {
    const { plan, clients, clock } = this;
    this.#runs += 1;
    const journal = await openJournal(this.#store, {
      clock,
      run: `run-${this.#runs}`,
      serverTime: () => clock.now(),
    });
    const { accountId: account, uid: clusterUid } = plan.cluster;
    const host: Host = {
      identity: async () => ({ caller: { arn: '', account, kubernetesUser: '' }, clusterUid, server }),
      ...(this.#options.approve === undefined ? {} : { approve: this.#options.approve }),
      ...this.#options.host,
    };
    const result = await clock.drive(act({ plan, journal, registry, clients, clock, say: () => {}, host }));
    await clock.advance(5_000);
    return result;
  }

  #look(): void {
    for (const namespace of this.#options.watched ?? [])
      for (const each of this.identities(namespace)) this.seen.add(`${namespace}/${each}`);
  }

  async #connect(): Promise<Clients> {
    const { clock } = this;
    const over =
      (sandbox: Sandbox): Transport =>
      async (request, signal) => {
        const answer = await sandbox.handle(request, signal);
        if (request.method !== 'GET') this.#look();
        return answer;
      };
    const inProcess = {
      kubernetes: over(this.sandbox),
      aws: over(this.sandbox),
      server,
      contexts: Object.fromEntries([...this.others].map(([name, sandbox]) => [name, over(sandbox)])),
    };
    const { region } = this.sandbox.scenario.cluster;
    const given = { region, maxRates: rates, inProcess, accountRoles: this.#options.accountRoles ?? {} };
    const kubernetes = await createClients({ ...given, clock });
    // The SDK does real work between two requests: time must not jump meanwhile, nor may its lanes wait on time that stands.
    const real: Clock = {
      now: () => clock.now(),
      monotonic: () => performance.now(),
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    };
    const aws = await createClients({ ...given, clock: real });
    return {
      kubernetes: (cluster) => kubernetes.kubernetes(cluster),
      aws: (account) => {
        const writer = aws.aws(account);
        return {
          writes: true,
          account: writer.account,
          region: writer.region,
          call: async (...args) => {
            const release = clock.hold();
            try {
              return await writer.call(...args);
            } finally {
              release();
            }
          },
        };
      },
      serverTime: () => clock.now(),
    };
  }
}

type Parts = Omit<Parameters<typeof apply>[0], 'options'>;
