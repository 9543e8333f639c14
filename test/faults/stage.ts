import '@aws-sdk/client-cloudtrail';
import '@aws-sdk/client-ec2';
import '@aws-sdk/client-eks';
import '@aws-sdk/client-iam';
import '@aws-sdk/client-sts';
import { refusedSteps } from '../../src/cli/commands/apply.js';
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
import { fold } from '../../src/journal/fold.js';
import { type Journal, openJournal } from '../../src/journal/journal.js';
import { type MemoryStore, memoryStore } from '../../src/journal/memory-store.js';
import type { HttpRequest, HttpResponse } from '../../src/model/http.js';
import { isObject, type JsonObject } from '../../src/model/json.js';
import { defaultPlanOptions } from '../../src/model/options.js';
import { type Plan, planDigest } from '../../src/model/plan.js';
import { plan as makePlan } from '../../src/planner/plan.js';
import { VirtualClock } from '../../src/sandbox/clock.js';
import { routeOf } from '../../src/sandbox/route.js';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { scan } from '../../src/scan/collect.js';
import { registry } from '../../src/steps/registry.js';
import type { Registry } from '../../src/steps/step.js';
import type { Estate } from './estates.js';

export type Direction = 'apply' | 'rollback';

/** A world and a journal at one moment: what is left when a process is killed there. */
export interface Moment {
  readonly sandbox: Sandbox;
  readonly clock: VirtualClock;
  readonly store: MemoryStore;
}

/** What is told of a run while it is under way. */
export interface Watch {
  /** Before and after each write that reaches the world; `effect` says whether it changed anything. */
  write?(when: 'before' | 'after', request: HttpRequest, effect: boolean): void;
  /** After each line of the journal. */
  line?(): void;
  /** Before each line. */
  announced?(entry: { readonly type: string; readonly step?: string }): void;
}

export interface Actor {
  readonly estate: Estate;
  readonly plan: Plan;
  readonly registry: Registry;
}

const server = 'http://sandbox.invalid';
const regionOf = (sandbox: Sandbox): string => sandbox.scenario.cluster.region;

/** The text of a whole world, for comparing; an external id is EKS's to make up, and another one each time. */
export const textOf = (sandbox: Sandbox): string =>
  JSON.stringify(sandbox.canonical()).replaceAll(/("sts:ExternalId":)"[^"]+"/g, '$1"made up by EKS"');

export const forkOf = (moment: Moment): Moment => {
  const clock = moment.clock.fork();
  return { sandbox: moment.sandbox.fork(clock), clock, store: moment.store.fork() };
};

const clientsOf = (
  { sandbox, clock }: Moment,
  accountRoles: Estate['accountRoles'],
  send: (request: HttpRequest, signal: AbortSignal) => Promise<HttpResponse>,
) =>
  createClients({
    region: regionOf(sandbox),
    clock,
    inProcess: { kubernetes: send, aws: send, server },
    accountRoles: accountRoles ?? {},
  });

export const scanOptions = (estate: Estate) => ({
  context: 'sandbox',
  server,
  region: estate.scenario.cluster.region,
  managementContext: 'twin',
  accounts: Object.fromEntries(Object.entries(estate.accountRoles ?? {}).map(([id, role]) => [id, `role:${role}`])),
});

/** Reads a world with clients of its own. */
export const look = <T>(
  estate: Estate,
  moment: Moment,
  read: (clients: Awaited<ReturnType<typeof createClients>>) => Promise<T>,
): Promise<T> =>
  moment.clock.drive(
    clientsOf(moment, estate.accountRoles, (request, signal) => moment.sandbox.handle(request, signal)).then(read),
  );

const warmed = new Map<string, Promise<unknown>>();
/** The SDK loads parts of itself when they are first used; on a virtual clock that must have happened before. */
const warm = (estate: Estate): Promise<unknown> => {
  // Roles of other accounts bring parts that plain credentials do not.
  const parts = estate.accountRoles === undefined ? 'plain' : 'roles';
  const known =
    warmed.get(parts) ??
    (async () => {
      const sandbox = createSandbox({ scenario: estate.scenario });
      const send = (request: HttpRequest, signal: AbortSignal) => sandbox.handle(request, signal);
      const region = regionOf(sandbox);
      const accountRoles = estate.accountRoles ?? {};
      const clients = await createClients({ region, inProcess: { kubernetes: send, aws: send, server }, accountRoles });
      await scan(clients, scanOptions(estate));
      sandbox.stop();
    })();
  warmed.set(parts, known);
  return known;
};

/** A fresh world of an estate with its plan and an empty journal. */
export const begin = async (estate: Estate): Promise<{ readonly moment: Moment; readonly plan: Plan }> => {
  await warm(estate);
  const clock = new VirtualClock();
  const sandbox = createSandbox({ scenario: estate.scenario, clock });
  await clock.advance(60_000);
  const moment: Moment = { sandbox, clock, store: memoryStore() };
  const inventory = await look(estate, moment, (clients) => scan(clients, scanOptions(estate)));
  const made = makePlan(
    inventory,
    { ...defaultPlanOptions, ...estate.options },
    { createdAt: '2026-01-01T00:00:00Z', tool: 'test' },
  );
  if (estate.first === undefined) return { moment, plan: made };
  const more = { ...made, steps: [...estate.first, ...made.steps] };
  return { moment, plan: { ...more, digest: planDigest(more) } };
};

let runs = 0;

export interface Wishes {
  readonly watch?: Watch;
  readonly apply?: Partial<ApplyOptions>;
  readonly unwind?: Partial<UnwindOptions>;
  readonly host?: Partial<Host>;
  readonly stop?: Parameters<typeof apply>[0]['stop'];
}

const once = async (actor: Actor, moment: Moment, direction: Direction, wishes: Wishes): Promise<RunResult> => {
  const { sandbox, clock, store } = moment;
  const { watch } = wishes;
  const send = async (request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> => {
    if (watch?.write === undefined) return sandbox.handle(request, signal);
    const routed = routeOf(request, regionOf(sandbox));
    const counted =
      routed !== null && (routed.to === 'aws' ? routed.call.write : routed.to === 'kubernetes' && routed.counted);
    if (!counted) return sandbox.handle(request, signal);
    watch.write('before', request, false);
    const before = textOf(sandbox);
    const answer = await sandbox.handle(request, signal);
    watch.write('after', request, textOf(sandbox) !== before);
    return answer;
  };
  const clients = await clientsOf(moment, actor.estate.accountRoles, send);
  const journal: Journal = await openJournal(
    {
      ...store,
      append: async (events) => {
        for (const event of events) {
          watch?.announced?.(event as never);
          await store.append([event]);
          watch?.line?.();
        }
      },
    },
    { clock, run: `run-${++runs}`, serverTime: () => clients.serverTime() },
  );
  const { plan } = actor;
  const host: Host = {
    identity: async () => ({
      caller: { arn: '', account: plan.cluster.accountId, kubernetesUser: '' },
      clusterUid: plan.cluster.uid,
      server,
    }),
    approve: async () => ({ open: true, by: 'a person' }),
    ...wishes.host,
  };
  const shared = {
    plan,
    journal,
    registry: actor.registry,
    clients,
    clock,
    say: () => {},
    host,
    ...(wishes.stop === undefined ? {} : { stop: wishes.stop }),
  };
  // One step at a time, so that each write is known to be its step's; a rollback takes twice as many as it is told.
  const few = { concurrency: 1, rollouts: 1, yes: false };
  return direction === 'apply'
    ? apply({
        ...shared,
        options: {
          ...defaultApplyOptions,
          ...few,
          stages: ['prepare', 'cutover', 'retire'],
          soakMs: 0,
          ...wishes.apply,
        },
      })
    : unwind({
        ...shared,
        options: { ...defaultUnwindOptions, ...few, concurrency: 0.5, rollouts: 0.5, ...wishes.unwind },
      });
};

/** A merge patch that puts a value at a JSON pointer (RFC 6901, RFC 7396). */
export const patchOf = (pointer: string, value: unknown): JsonObject => {
  const parts = pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return parts.reduceRight((inner: unknown, part) => ({ [part]: inner }), value) as JsonObject;
};

const never = new AbortController().signal;

/** A request of somebody else: kubectl, a controller, an administrator. */
export const somebody = async (sandbox: Sandbox, method: string, path: string, body?: unknown): Promise<JsonObject> => {
  const answer = await sandbox.handle(
    {
      method,
      url: `${server}${path}`,
      headers: {
        'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
        'user-agent': 'kubectl/v1.33',
      },
      body: body === undefined ? '' : JSON.stringify(body),
    },
    never,
  );
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${String(answer.body)}`);
  return JSON.parse(String(answer.body)) as JsonObject;
};

const plurals: Readonly<Record<string, string>> = {
  ServiceAccount: 'serviceaccounts',
  Deployment: 'deployments',
  StatefulSet: 'statefulsets',
  DaemonSet: 'daemonsets',
  CronJob: 'cronjobs',
};
export const pathOf = (ref: { apiVersion: string; kind: string; namespace?: string; name: string }): string =>
  `/${ref.apiVersion === 'v1' ? 'api/v1' : `apis/${ref.apiVersion}`}/namespaces/${ref.namespace}/${plurals[ref.kind]}/${ref.name}`;

/** What the owners of hand-offs do once they are asked: they deliver the change, or take it back. */
const deliver = async (actor: Actor, moment: Moment, result: RunResult): Promise<boolean> => {
  const { steps } = fold(moment.store.events);
  let any = false;
  for (const pause of result.pauses) {
    const step = actor.plan.steps.find(({ id }) => id === pause.step);
    if (step?.kind !== 'wait-for-handoff') continue;
    const list = (steps.get(step.id)?.is === 'undoing' ? step.params.reverse : step.params.changes) as readonly {
      ref: { apiVersion: string; kind: string; namespace: string; name: string };
      pointer: string;
      value: unknown;
    }[];
    for (const { ref, pointer, value } of list)
      await somebody(moment.sandbox, 'PATCH', pathOf(ref), patchOf(pointer, value));
    any = true;
  }
  return any;
};

/** Runs the command, and again after each hand-off that was delivered; then lets the world come to rest. */
export const run = async (
  actor: Actor,
  moment: Moment,
  direction: Direction,
  wishes: Wishes = {},
): Promise<RunResult> => {
  const failures: RunResult['failures'][number][] = [];
  for (let round = 0; ; round += 1) {
    const result = await moment.clock.drive(once(actor, moment, direction, wishes));
    failures.push(...result.failures);
    if (round < 4 && (await deliver(actor, moment, result))) {
      await moment.clock.advance(30_000);
      continue;
    }
    await moment.clock.advance(180_000);
    return { ...result, failures };
  }
};

export const actorOf = (estate: Estate, plan: Plan): Actor => ({ estate, plan, registry });

/** What `apply` would refuse now because a fresh plan has it no more (H21). */
export const refusedNow = async (actor: Actor, moment: Moment): Promise<readonly string[]> => {
  const there = forkOf(moment);
  const inventory = await look(actor.estate, there, (clients) => scan(clients, scanOptions(actor.estate)));
  const added = new Set(actor.estate.first?.map(({ id }) => id));
  return [...refusedSteps(inventory, actor.plan, fold(there.store.events))]
    .filter(([id]) => !added.has(id))
    .map(([, { message, cause }]) => `${message}: ${cause}`);
};

/** What a journal says, as far as two runs that ended alike agree. */
export const foldText = (moment: Moment): string => {
  const { steps, stuck } = fold(moment.store.events);
  const shown = [...steps].map(([id, state]) => [id, state.is === 'verified' ? 'applied' : state.is]).sort();
  return JSON.stringify({ steps: shown, stuck });
};

export { isObject };
