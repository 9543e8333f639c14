import { apply } from '../../src/engine/execute.js';
import {
  type ApplyOptions,
  defaultApplyOptions,
  defaultUnwindOptions,
  type Host,
  type Stops,
  type UnwindOptions,
} from '../../src/engine/run.js';
import { unwind } from '../../src/engine/unwind.js';
import { openJournal } from '../../src/journal/journal.js';
import { type MemoryStore, memoryStore } from '../../src/journal/memory-store.js';
import type { Clock } from '../../src/model/clock.js';
import { RoleliftError } from '../../src/model/error.js';
import type { Json, JsonObject } from '../../src/model/json.js';
import type { Message } from '../../src/model/message.js';
import { type Plan, type Step, sealPlan } from '../../src/model/plan.js';
import type { Clients } from '../../src/model/ports.js';
import { gate } from '../../src/steps/gate.js';
import { defineStep, type Registry, type StepKind } from '../../src/steps/step.js';
import { virtualClock } from './virtual-clock.js';

/** The process died: nothing of it is heard again. */
class Killed extends Error {}

/** A world of named values; every write is an effect at which the process may die or something may go wrong. */
export class World {
  readonly values = new Map<string, Json>();
  readonly writes: string[] = [];
  readonly violations: string[] = [];
  /** Called at each write, before and after it. */
  hook: (when: 'before' | 'after', key: string, number: number) => void = () => {};
  /** Called when a value is read. */
  reading: (key: string) => void = () => {};
  invariant: (world: World) => string | null = () => null;
  dead = false;
  #number = 0;

  get(key: string): Json {
    if (this.dead) throw new Killed();
    this.reading(key);
    return this.values.get(key) ?? null;
  }
  set(key: string, value: Json): void {
    if (this.dead) throw new Killed();
    this.#number += 1;
    this.hook('before', key, this.#number);
    if (this.dead) throw new Killed();
    if (value === null) this.values.delete(key);
    else this.values.set(key, value);
    this.writes.push(`${key}=${JSON.stringify(value)}`);
    const wrong = this.invariant(this);
    if (wrong !== null) this.violations.push(`${wrong} after ${key}=${JSON.stringify(value)}`);
    this.hook('after', key, this.#number);
    if (this.dead) throw new Killed();
  }
  snapshot(): JsonObject {
    return Object.fromEntries([...this.values].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  begin(values: JsonObject): this {
    for (const [key, value] of Object.entries(values)) this.values.set(key, value);
    return this;
  }
}

export const failure = (code: `RL${number}`, message: string): RoleliftError =>
  new RoleliftError({ code, message, remedy: 'see why', fault: 'remote' });

export interface Faults {
  /** Steps whose apply throws, as often as the number says. */
  readonly apply?: Map<string, { times: number; error: RoleliftError }>;
  readonly undo?: Map<string, { times: number; error: RoleliftError }>;
  /** Steps that pause. */
  readonly paused?: Set<string>;
  readonly drift?: Set<string>;
  /** Virtual milliseconds that an effect takes. */
  readonly takes?: (step: Step) => number;
  readonly trace?: { start(step: Step): void; end(step: Step): void };
}

const hit = (map: Faults['apply'], id: string): void => {
  const fault = map?.get(id);
  if (fault === undefined || fault.times <= 0) return;
  fault.times -= 1;
  throw fault.error;
};

/** Kinds over the fake world: `set` writes a value, `roll` makes a pod take what its account gives it, `prove` writes nothing. */
export const fakeKinds = (world: World, faults: Faults = {}): Registry => {
  const base = {
    stages: ['prepare', 'cutover', 'retire'] as const,
    skippable: true,
    undoWithMove: false,
    rollout: false,
    parseParams: (params: unknown) => params as JsonObject,
    describe: (step: Step) => ({ title: step.title, effect: step.effect, undo: step.undo }),
    reads: () => [],
    locks: (step: Step) => (step.params.lock === undefined ? [`key:${step.params.key}`] : [String(step.params.lock)]),
    preconditions: async (_ctx: unknown, step: Step) => {
      if (faults.drift?.has(step.id) !== true) return [];
      return [{ subject: { kind: 'Thing', name: step.id }, field: 'users', expected: 1, found: 2, by: 'someone' }];
    },
    changes: (step: Step) => [
      { api: 'aws' as const, service: 'iam' as const, operation: 'PutThing', account: '1', input: { Name: step.id } },
    ],
  };
  const work = async (ctx: { clock: Clock; signal: AbortSignal }, step: Step): Promise<void> => {
    faults.trace?.start(step);
    try {
      const ms = faults.takes?.(step) ?? 0;
      if (ms > 0) await ctx.clock.sleep(ms, ctx.signal);
    } finally {
      faults.trace?.end(step);
    }
  };
  const set: StepKind = defineStep({
    ...base,
    kind: 'set',
    async observe(_ctx, step) {
      const now = world.get(String(step.params.key));
      const saw = { value: now };
      if (now === step.params.value) return { is: 'applied', saw };
      if (now === (step.before.value ?? null)) return { is: 'not-applied', saw };
      return { is: 'drifted', saw, field: String(step.params.key), by: 'someone' };
    },
    preimage: async (_ctx, step) => ({ value: world.get(String(step.params.key)) }),
    async apply(ctx, step) {
      hit(faults.apply, step.id);
      await work(ctx, step);
      if (faults.paused?.has(step.id)) return { is: 'paused', gate: `gate:${step.id}`, reason: 'waits', how: 'do it' };
      world.set(String(step.params.key), step.params.value as Json);
      return { is: 'done', output: { key: step.params.key as Json } };
    },
    async undo(ctx, step, record) {
      hit(faults.undo, step.id);
      await work(ctx, step);
      const now = world.get(String(step.params.key));
      const old = record.preimage?.value ?? null;
      if (now === old) return { is: 'done', how: 'gone', note: '' };
      if (now !== step.params.value) return { is: 'done', how: 'kept', note: 'changed by somebody else' };
      world.set(String(step.params.key), old as Json);
      return { is: 'done', how: 'exact', note: '' };
    },
  } as StepKind);
  const identityOf = (step: Step): Json => world.get(String(step.params.account));
  const roll: StepKind = defineStep({
    ...base,
    kind: 'roll',
    undoWithMove: true,
    rollout: true,
    async observe(_ctx, step) {
      const now = world.get(String(step.params.key));
      return now !== null && now === identityOf(step)
        ? { is: 'applied', saw: { value: now } }
        : { is: 'not-applied', saw: { value: now } };
    },
    preimage: async (_ctx, step) => ({ value: world.get(String(step.params.key)) }),
    async apply(ctx, step) {
      hit(faults.apply, step.id);
      await work(ctx, step);
      world.set(String(step.params.key), identityOf(step));
      return { is: 'done', output: {} };
    },
    async undo(ctx, step) {
      hit(faults.undo, step.id);
      await work(ctx, step);
      // A pod that is replaced gets what its account gives it now: with the annotation still there, the new identity again.
      const now = identityOf(step);
      if (world.get(String(step.params.key)) !== now) world.set(String(step.params.key), now);
      return { is: 'done', how: 'exact', note: '' };
    },
  } as StepKind);
  const prove: StepKind = defineStep({
    ...base,
    kind: 'prove',
    skippable: false,
    changes: () => [],
    observe: async () => ({ is: 'not-applied', saw: {} }),
    preimage: async () => ({}),
    async apply(_ctx, step) {
      hit(faults.apply, step.id);
      world.get(String(step.params.key));
      return { is: 'done', output: { seen: true }, proof: (step.params.proof ?? 'configured') as 'configured' };
    },
    async undo() {
      return { is: 'done', how: 'exact', note: '' };
    },
  } as StepKind);
  return new Map([set, roll, prove, gate].map((kind) => [kind.kind, kind]));
};

export type Draft = Partial<Step> & Pick<Step, 'id' | 'kind'> & { readonly params: JsonObject };

export const aPlan = (steps: readonly Draft[], change: (plan: Plan) => Plan = (plan) => plan): Plan => {
  const moves = [...new Set(steps.flatMap(({ move }) => (move ? [move] : [])))].sort();
  const full = steps.map(
    (draft): Step => ({
      stage: 'prepare',
      move: null,
      title: draft.id,
      target: { api: 'none', kind: 'Thing', name: draft.id },
      before: {},
      after: {},
      dependsOn: [],
      undoDependsOn: [],
      effect: 'additive',
      undo: '',
      skip: false,
      note: '',
      ...draft,
    }),
  );
  const plan = sealPlan({
    format: 'rolelift.plan/1',
    createdAt: '2026-11-21T10:00:00Z',
    tool: 'rolelift test',
    source: 'live',
    cluster: {
      kind: 'eks',
      name: 'test',
      arn: null,
      accountId: '111122223333',
      region: 'eu-central-1',
      partition: 'aws',
      kubernetesVersion: '1.33.0',
      platformVersion: null,
      oidcIssuer: 'https://oidc',
      oidcProviderArn: null,
      ipFamily: 'ipv4',
      server: 'https://server',
      uid: 'uid-1',
    },
    inventoryDigest: 'sha256:0',
    options: {},
    complete: true,
    gaps: [],
    moves: moves.map((id) => ({
      id,
      subject: { kind: 'ServiceAccount', namespace: 'a', name: id },
      workloads: [],
      from: { broker: 'kiam', role: 'arn:aws:iam::111122223333:role/a' },
      to: {
        mechanism: 'irsa',
        role: 'arn:aws:iam::111122223333:role/a',
        associationRole: null,
        serviceAccount: `a/${id}`,
      },
      blocked: false,
      why: '',
      risk: 'low',
      owner: { tool: 'none', ref: '' },
      delivery: 'live',
      findings: [],
      steps: full.filter(({ move }) => move === id).map((step) => step.id),
      skip: false,
      note: '',
    })),
    steps: full,
    findings: [],
    unmoved: [],
  } as unknown as Omit<Plan, 'digest' | 'id'>);
  return change(plan);
};

/** A move as kiam → IRSA has it: trust, annotation, restart, proof, and the old annotation's removal. */
export const moveSteps = (
  name: string,
  options: { readonly proof?: string; readonly role?: string } = {},
): readonly Draft[] => {
  const move = `move:${name}`;
  const id = (kind: string): string => `${kind}:${name}`;
  const role = options.role ?? name;
  return [
    {
      id: id('trust'),
      kind: 'set',
      move,
      stage: 'prepare',
      params: { key: `trust/${name}`, value: 'ours', lock: `role:${role}` },
      dependsOn: ['provider'],
      undoDependsOn: [id('prove')],
    },
    {
      id: id('annotate'),
      kind: 'set',
      move,
      stage: 'cutover',
      params: { key: `account/${name}`, value: 'role' },
      dependsOn: [id('trust')],
      undoDependsOn: [id('remove')],
    },
    {
      id: id('restart'),
      kind: 'roll',
      move,
      stage: 'cutover',
      params: { key: `pod/${name}`, account: `account/${name}` },
      dependsOn: [id('annotate')],
      undoDependsOn: [id('annotate')],
      effect: 'disruptive',
    },
    {
      id: id('prove'),
      kind: 'prove',
      move,
      stage: 'cutover',
      params: { key: `pod/${name}`, proof: options.proof ?? 'used' },
      dependsOn: [id('restart')],
      undoDependsOn: [id('restart')],
    },
    {
      id: id('remove'),
      kind: 'set',
      move,
      stage: 'retire',
      params: { key: `old/${name}`, value: 'removed' },
      before: { value: 'kiam' },
      dependsOn: [id('prove')],
      effect: 'destructive',
    },
  ];
};
export const provider: Draft = { id: 'provider', kind: 'set', params: { key: 'provider', value: 'there' } };
export const kiamPlan = (
  names: readonly string[],
  options: { readonly proof?: string; readonly role?: string } = {},
): Plan => {
  const all = names.flatMap((name) => moveSteps(name, options));
  const trusts = all.filter(({ id }) => id.startsWith('trust')).map(({ id }) => id);
  return aPlan([{ ...provider, undoDependsOn: trusts }, ...all]);
};
export const beforeOf = (names: readonly string[]): JsonObject =>
  Object.fromEntries(names.map((name) => [`old/${name}`, 'kiam']));

/** No pod may carry the new identity without its trust, and none may be without either way. */
export const identityHolds =
  (names: readonly string[]) =>
  (world: World): string | null => {
    for (const name of names) {
      const carries = world.values.get(`pod/${name}`) === 'role';
      const trusted = world.values.get(`trust/${name}`) === 'ours' && world.values.get('provider') === 'there';
      if (carries && !trusted) return `pod/${name} carries an identity that nothing trusts`;
      if (!carries && world.values.get(`old/${name}`) !== 'kiam') return `pod/${name} has no identity`;
    }
    return null;
  };

export interface Setting {
  readonly plan: Plan;
  readonly world: World;
  readonly faults?: Faults;
  readonly store?: MemoryStore;
  readonly clock?: Clock;
  readonly options?: Partial<ApplyOptions>;
  readonly unwindOptions?: Partial<UnwindOptions>;
  readonly host?: Partial<Host>;
  readonly stop?: Stops;
  readonly run?: string;
  readonly say?: (message: Message) => void;
}

const clients = (clock: Clock): Clients => ({
  kubernetes: () => {
    throw new Error('not here');
  },
  aws: () => {
    throw new Error('not here');
  },
  serverTime: () => clock.now(),
});

/** A store that dies with the world's process. */
const mortal = (world: World, store: MemoryStore): MemoryStore => ({
  ...store,
  append: async (events) => {
    if (world.dead) throw new Killed();
    await store.append(events);
  },
});

const base = async (setting: Setting) => {
  const clock = setting.clock ?? virtualClock();
  const store = setting.store ?? memoryStore();
  const journal = await openJournal(mortal(setting.world, store), {
    clock,
    run: setting.run ?? 'run-1',
    serverTime: () => clock.now(),
  });
  return {
    plan: setting.plan,
    journal,
    registry: fakeKinds(setting.world, setting.faults),
    clients: clients(clock),
    clock,
    say: setting.say ?? (() => {}),
    host: {
      identity: async () => ({
        caller: { arn: 'arn:aws:sts::111122223333:assumed-role/me/x', account: '111122223333', kubernetesUser: 'me' },
        clusterUid: 'uid-1',
        server: 'https://server',
      }),
      ...setting.host,
    },
    ...(setting.stop === undefined ? {} : { stop: setting.stop }),
  };
};
export const runApply = async (setting: Setting) => {
  const run = { ...(await base(setting)), options: { ...defaultApplyOptions, yes: true, ...setting.options } };
  return { result: await apply(run), journal: run.journal };
};
export const runUnwind = async (setting: Setting) => {
  const run = { ...(await base(setting)), options: { ...defaultUnwindOptions, yes: true, ...setting.unwindOptions } };
  return { result: await unwind(run), journal: run.journal };
};
export const whole: Partial<ApplyOptions> = { stages: ['prepare', 'cutover', 'retire'], soakMs: 0 };
