import { type AllClients, createClients } from '../clients/clients.js';
import type { Clock } from '../model/clock.js';
import type { HttpRequest, HttpResponse, Transport } from '../model/http.js';
import { type Json, type JsonObject, listAt, objectAt, textAt } from '../model/json.js';
import type { Clients } from '../model/ports.js';
import { VirtualClock } from '../sandbox/clock.js';
import { withAt } from '../sandbox/kubernetes/object.js';
import { createSandbox, type Sandbox } from '../sandbox/sandbox.js';
import type { Scenario } from '../sandbox/scenario-schema.js';
import type { Settings } from '../sandbox/settings.js';

/** A simulated estate on a virtual clock of its own. */
export interface Twin {
  readonly sandbox: Sandbox;
  readonly clock: VirtualClock;
}

/** Address of every twin; nothing listens there. */
export const twinServer = 'http://twin.invalid';

/** Builds the twin and lets its controllers bring every pod up. `start`: milliseconds since 1970 at which its clock begins. */
export const raiseTwin = async (
  scenario: Scenario,
  options: { readonly settings?: Partial<Settings>; readonly start?: number } = {},
): Promise<Twin> => {
  const clock = new VirtualClock(options.start);
  // Nobody looks whether pods use what they have: that is asked of them directly.
  const settings = { useAfterMs: Number.POSITIVE_INFINITY, ...options.settings };
  const sandbox = createSandbox({ scenario, clock, settings });
  // Bare pods of a scenario are put there as they are; through admission they get what any pod that is made anew would have.
  for (const pod of sandbox.view.list('v1', 'Pod')) {
    if (listAt(pod, 'metadata', 'ownerReferences').length > 0) continue;
    const { name, namespace, labels, annotations } = pod['metadata'] as Record<string, Json>;
    const metadata = { name, namespace, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
    sandbox.view.remove('v1', 'Pod', String(namespace), String(name));
    sandbox.cluster.create({ apiVersion: 'v1', kind: 'Pod', metadata, spec: pod['spec'] ?? {} } as JsonObject);
  }
  // A Deployment that is paused makes no first pods; its pods are from before it was.
  const paused = sandbox.view
    .list('apps/v1', 'Deployment')
    .filter((object) => objectAt(object, 'spec')['paused'] === true);
  for (const object of paused) sandbox.view.put(withAt(object, ['spec', 'paused'], undefined));
  await calm({ sandbox, clock });
  for (const { metadata } of paused as readonly { readonly metadata?: Json }[]) {
    const now = sandbox.view.get(
      'apps/v1',
      'Deployment',
      textAt(metadata, 'namespace'),
      textAt(metadata, 'name') ?? '',
    );
    if (now !== null) sandbox.view.put(withAt(now, ['spec', 'paused'], true));
  }
  if (paused.length > 0) await calm({ sandbox, clock });
  return { sandbox, clock };
};

/** The same world once more, going its own way from here. */
export const forkTwin = (twin: Twin): Twin => {
  const clock = twin.clock.fork();
  return { sandbox: twin.sandbox.fork(clock), clock };
};

/** Lets the twin's controllers finish, at most so many milliseconds of its time. */
export const calm = async (twin: Twin, limitMs = 180_000): Promise<void> => {
  const end = twin.clock.monotonic() + limitMs;
  do twin.clock.advanceNow(1_000);
  while (!twin.sandbox.cluster.settled(20_000) && twin.clock.monotonic() < end);
  // Nothing above waits for promises; those that a timer resolved get their turn here.
  await twin.clock.advance(0);
};

/** What stands between the clients and the twin: sees each request, and may keep it from arriving. */
export type Between = (
  request: HttpRequest,
  send: () => Promise<HttpResponse>,
  side: 'kubernetes' | 'aws',
) => Promise<HttpResponse>;

/**
 * The real clients, over requests in this process, pointed at one twin after another: making them anew for each of thousands of plays
 * would cost more than the plays.
 */
export class Troupe {
  #twin: Twin | null = null;
  #between: Between = (_request, send) => send();
  /** Added to the twin's monotonic time, so that it never goes back for the lanes. */
  #offset = 0;
  #holds: (() => void)[] = [];
  readonly #region: string;
  readonly #rates: Readonly<Record<string, number>>;
  #kubernetes: AllClients | null = null;
  readonly #accounts = new Map<string, AllClients>();
  readonly #home: string;

  private constructor(scenario: Scenario, rates: Readonly<Record<string, number>>) {
    this.#region = scenario.cluster.region;
    this.#home = scenario.cluster.account;
    this.#rates = rates;
  }

  /** Clients for twins of this scenario's shape. `rates`: requests a second by lane; the clients' own where none are given. */
  static async of(scenario: Scenario, rates: Readonly<Record<string, number>> = {}): Promise<Troupe> {
    const troupe = new Troupe(scenario, rates);
    troupe.#kubernetes = await troupe.#clients(scenario.cluster.account, troupe.#clock(false));
    for (const account of Object.keys(scenario.accounts))
      troupe.#accounts.set(account, await troupe.#clients(account, troupe.#clock(true)));
    if (!troupe.#accounts.has(troupe.#home))
      troupe.#accounts.set(troupe.#home, await troupe.#clients(troupe.#home, troupe.#clock(true)));
    return troupe;
  }

  /** Points all clients at that twin. */
  enter(twin: Twin, between?: Between): void {
    if (this.#twin !== null) this.#offset += this.#twin.clock.monotonic() - twin.clock.monotonic();
    for (const release of this.#holds.splice(0)) release();
    this.#twin = twin;
    this.#between = between ?? ((_request, send) => send());
  }

  get twin(): Twin {
    if (this.#twin === null) throw new Error('no twin was entered');
    return this.#twin;
  }

  /** Calls so far, of all lanes. */
  get calls(): number {
    return [this.#kubernetes, ...this.#accounts.values()].reduce((sum, each) => sum + (each?.totals().calls ?? 0), 0);
  }

  /** What steps and engine get. The servers' time is the twin's. */
  get clients(): Clients {
    return {
      kubernetes: () => (this.#kubernetes as AllClients).kubernetes(),
      aws: (account) => {
        const own = account === '' ? this.#home : account;
        const found = this.#accounts.get(own) ?? (this.#accounts.get(this.#home) as AllClients);
        const writer = found.aws(account);
        return {
          writes: true,
          account: writer.account,
          region: writer.region,
          call: async (...given) => {
            const clock = this.twin.clock;
            const holds = this.#holds;
            holds.push(clock.hold());
            try {
              return await writer.call(...given);
            } finally {
              holds.pop()?.();
            }
          },
        };
      },
      serverTime: () => this.twin.clock.now(),
    };
  }

  async #clients(account: string, clock: Clock): Promise<AllClients> {
    const send =
      (side: 'kubernetes' | 'aws'): Transport =>
      async (request, signal) => {
        const { sandbox } = this.twin;
        const whole = side === 'aws' ? asAccount(request, account) : request;
        // Whoever waits inside the twin waits on its clock: that must not be held meanwhile.
        const answer = (): Promise<HttpResponse> => this.#between(whole, () => sandbox.handle(whole, signal), side);
        return side === 'aws' ? this.#apart(answer) : answer();
      };
    return createClients({
      inProcess: { kubernetes: send('kubernetes'), aws: send('aws'), server: twinServer },
      region: this.#region,
      clock,
      maxRates: this.#rates,
      timeoutMs: Number.POSITIVE_INFINITY,
    });
  }

  /** Runs something that may wait on the clock, with one of the holds let go for as long. */
  async #apart<T>(act: () => Promise<T>): Promise<T> {
    const { clock } = this.twin;
    const holds = this.#holds;
    const released = holds.pop();
    released?.();
    try {
      return await act();
    } finally {
      if (released !== undefined) holds.push(clock.hold());
    }
  }

  /** The clients' time is that of whichever twin they are pointed at. */
  #clock(holding: boolean): Clock {
    return {
      now: () => this.twin.clock.now(),
      monotonic: () => this.#offset + this.twin.clock.monotonic(),
      sleep: (ms, signal) =>
        holding ? this.#apart(() => this.twin.clock.sleep(ms, signal)) : this.twin.clock.sleep(ms, signal),
    };
  }
}

/** The request as an administrator of that account would have signed it; twins do not check signatures. */
const asAccount = (request: HttpRequest, account: string): HttpRequest => {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers))
    headers[name] =
      name.toLowerCase() === 'authorization'
        ? value.replace('Credential=sandbox/', `Credential=AKIA0000${account}/`)
        : value;
  return { ...request, headers };
};
