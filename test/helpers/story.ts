import '@aws-sdk/client-cloudtrail';
import '@aws-sdk/client-ec2';
import '@aws-sdk/client-eks';
import '@aws-sdk/client-iam';
import '@aws-sdk/client-sts';
import '@smithy/core/protocols';
import { createClients } from '../../src/clients/clients.js';
import { apply } from '../../src/engine/execute.js';
import {
  type ApplyOptions,
  defaultApplyOptions,
  defaultUnwindOptions,
  type Host,
  type RunResult,
  type UnwindOptions,
} from '../../src/engine/run.js';
import { unwind } from '../../src/engine/unwind.js';
import { openJournal } from '../../src/journal/journal.js';
import { memoryStore } from '../../src/journal/memory-store.js';
import type { Transport } from '../../src/model/http.js';
import type { Inventory } from '../../src/model/inventory.js';
import { defaultPlanOptions, type PlanOptions } from '../../src/model/options.js';
import type { Plan } from '../../src/model/plan.js';
import { plan as makePlan } from '../../src/planner/plan.js';
import { VirtualClock } from '../../src/sandbox/clock.js';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import type { Scenario } from '../../src/sandbox/scenario-schema.js';
import { scan } from '../../src/scan/collect.js';
import { registry } from '../../src/steps/registry.js';

/** What a caller that was ended sees of every further call. */
class Ended extends Error {
  override readonly name = 'Ended';
  readonly code = 'ECONNRESET';
}

/** Ends a run at its n-th write: before the server carries it out, or after, with the answer lost. */
export interface Interruption {
  readonly write: number;
  readonly when: 'before' | 'after';
}

const server = 'http://sandbox.invalid';
const created = { createdAt: '2026-11-22T00:00:00Z', tool: 'test' };
const rate = 1_000;
const maxRates = Object.fromEntries(
  ['kubernetes', 'iam', 'eks', 'ec2', 'sts', 'cloudtrail'].flatMap((api) => [
    [`${api}-read`, rate],
    [`${api}-write`, rate],
  ]),
);

let warmed: Promise<unknown> | null = null;
/** The clients load parts of themselves when they are first used; on a virtual clock that must have happened before. */
const warm = (scenario: Scenario): Promise<unknown> => {
  warmed ??= (async () => {
    const sandbox = createSandbox({ scenario });
    const handle: Transport = (request, signal) => sandbox.handle(request, signal);
    const region = scenario.cluster.region;
    const clients = await createClients({ region, maxRates, inProcess: { kubernetes: handle, aws: handle, server } });
    await scan(clients, { context: 'sandbox', server, region });
    sandbox.stop();
  })();
  return warmed;
};

/** A whole story in the process and on virtual time: an estate, its clients, a plan and the runs over it. */
export class Story {
  readonly store = memoryStore();
  readonly clock: VirtualClock;
  readonly sandbox: Sandbox;
  /** Asked after every write that the server carried out. */
  afterWrite: () => void = () => {};
  #runs = 0;

  private constructor(sandbox: Sandbox, clock: VirtualClock) {
    this.sandbox = sandbox;
    this.clock = clock;
  }

  static async begin(
    scenario: Scenario,
    settings: Parameters<typeof createSandbox>[0]['settings'] = {},
  ): Promise<Story> {
    await warm(scenario);
    const clock = new VirtualClock(Date.UTC(2026, 10, 22));
    const sandbox = createSandbox({ scenario, clock, settings });
    await clock.advance(60_000);
    return new Story(sandbox, clock);
  }
  /** The same estate at this moment, going its own way, with the journal so far. */
  fork(): Story {
    const clock = this.clock.fork();
    return new Story(this.sandbox.fork(clock), clock);
  }

  drive<T>(work: Promise<T>): Promise<T> {
    return this.clock.drive(work);
  }

  async clients(interruption: Interruption | null = null, end: () => void = () => {}) {
    let writes = 0;
    let over = false;
    const handle: Transport = async (request, signal) => {
      if (over) throw new Ended('the caller was ended');
      const write = !['GET', 'HEAD'].includes(request.method);
      const before = this.sandbox.faults.writes;
      const cut = (when: Interruption['when']): boolean =>
        write && interruption?.when === when && writes === interruption.write;
      const counts = write && this.#isWrite(request);
      if (counts) writes += 1;
      if (counts && cut('before')) {
        over = true;
        end();
        throw new Ended('the caller was ended before its write');
      }
      const answer = await this.sandbox.handle(request, signal);
      if (this.sandbox.faults.writes > before) this.afterWrite();
      if (counts && cut('after')) {
        over = true;
        end();
        throw new Ended('the caller was ended after its write');
      }
      return answer;
    };
    return createClients({
      region: this.sandbox.scenario.cluster.region,
      clock: this.clock,
      maxRates,
      inProcess: { kubernetes: handle, aws: handle, server },
    });
  }

  /** Dry runs and reads by POST change nothing: only what the server counts is a place to be interrupted at. */
  #isWrite(request: Parameters<Transport>[0]): boolean {
    if (request.url.includes('dryRun=All')) return false;
    const text = `${request.url}\n${typeof request.body === 'string' ? request.body : ''}`;
    if (/Action=(Get|List|Generate|Simulate|Assume)/.test(text)) return false;
    if (/selfsubject/i.test(request.url)) return false;
    return !/LookupEvents|DescribeInstances|Action=Describe/.test(`${text}${JSON.stringify(request.headers)}`);
  }

  async scan(): Promise<Inventory> {
    const clients = await this.drive(this.clients());
    const region = this.sandbox.scenario.cluster.region;
    return this.drive(scan(clients, { context: 'sandbox', server, region }));
  }
  async plan(options: Partial<PlanOptions> = {}): Promise<Plan> {
    return makePlan(await this.scan(), { ...defaultPlanOptions, ...options }, created);
  }

  async #parts(plan: Plan, interruption: Interruption | null) {
    const hard = new AbortController();
    const clients = await this.clients(interruption, () => hard.abort(137));
    const { accountId: account, uid: clusterUid } = plan.cluster;
    const host: Host = {
      identity: async () => ({ caller: { arn: '', account, kubernetesUser: '' }, clusterUid, server }),
    };
    this.#runs += 1;
    const journal = await openJournal(this.store, {
      clock: this.clock,
      run: `run-${this.#runs}`,
      serverTime: () => clients.serverTime(),
    });
    return { plan, journal, registry, clients, clock: this.clock, say: () => {}, host, stop: { hard: hard.signal } };
  }

  /** `prepare` and `cutover`, or what the options say. */
  async apply(
    plan: Plan,
    options: Partial<ApplyOptions> = {},
    interruption: Interruption | null = null,
  ): Promise<RunResult> {
    const merged = { ...defaultApplyOptions, yes: true, concurrency: 1, rollouts: 1, ...options };
    const run = async () => apply({ ...(await this.#parts(plan, interruption)), options: merged });
    return this.drive(run());
  }
  async unwind(
    plan: Plan,
    options: Partial<UnwindOptions> = {},
    interruption: Interruption | null = null,
  ): Promise<RunResult> {
    const merged = { ...defaultUnwindOptions, yes: true, concurrency: 1, rollouts: 1, ...options };
    const run = async () => unwind({ ...(await this.#parts(plan, interruption)), options: merged });
    return this.drive(run());
  }
}
