import { describe, expect, it } from 'vitest';
import { strangeRecord } from '../../src/engine/strange-record.js';
import type { JournalState } from '../../src/journal/fold.js';
import { isObject, type Json, type JsonObject } from '../../src/model/json.js';
import { operations } from '../../src/model/operations.js';
import type { Plan, Step } from '../../src/model/plan.js';
import { refKey } from '../../src/model/resource.js';
import { registry } from '../../src/steps/registry.js';
import type { Change, UndoRecord, Use, WriteCtx } from '../../src/steps/step.js';
import type { FakeWorld, Seen } from '../helpers/fake-world.js';
import { stepContext } from '../helpers/step-context.js';
import { type Sample, samples } from './samples.js';

const open = { is: 'open', by: 'a test' } as const;
const contextOf = (sample: Sample, world: FakeWorld): WriteCtx =>
  stepContext(world, { gate: open, ...(sample.settings === undefined ? {} : { settings: sample.settings }) });
const record = (preimage: JsonObject | null, output: JsonObject | null = null): UndoRecord => ({
  preimage,
  output,
  siblings: preimage === null ? [] : [preimage],
});
const storing = (seen: readonly Seen[]): readonly Seen[] => seen.filter((one) => one.api === 'aws' || !one.dryRun);

const paths = (value: Json, at = ''): readonly string[] =>
  isObject(value) ? Object.entries(value).flatMap(([key, inner]) => paths(inner, `${at}/${key}`)) : [at];
const subset = (small: unknown, big: unknown): boolean =>
  isObject(small) && isObject(big)
    ? Object.entries(small).every(([key, value]) => Object.hasOwn(big, key) && subset(value, big[key]))
    : JSON.stringify(meant(small)) === JSON.stringify(meant(big));
/** Documents are compared by what they say, not by their white space. */
const meant = (value: unknown): unknown => {
  if (typeof value !== 'string' || !value.startsWith('{')) return value;
  return JSON.parse(value);
};

const sameKind = (seen: Seen, told: Change | Use): boolean => {
  if (seen.api === 'aws')
    return (
      told.api === 'aws' &&
      told.service === seen.service &&
      told.operation === seen.operation &&
      told.account === seen.account
    );
  if (told.api !== 'kubernetes' || told.ref.api !== 'kubernetes' || told.verb !== seen.verb) return false;
  if (told.subresource !== seen.subresource) return false;
  const any = told.ref.name === '*';
  return refKey({ ...seen.ref, ...(any ? { name: '*' } : {}) }) === refKey(told.ref);
};
const matches = (seen: Seen, change: Change): boolean => {
  if (!sameKind(seen, change)) return false;
  if (seen.api === 'aws') return change.api === 'aws' && subset(change.input, seen.input);
  if (change.api !== 'kubernetes' || (change.dryRun === true) !== seen.dryRun) return false;
  if (seen.verb === 'delete' || seen.dryRun) return true;
  // The undo restores what was there, which a pure function may not know: the same places, then.
  return paths(seen.body).every((path) =>
    paths(change.body).some((told) => told.startsWith(path) || path.startsWith(told)),
  );
};

const planOf = (step: Step): Plan => ({ id: 'plan', moves: [], steps: [step] }) as unknown as Plan;
const journalOf = (step: Step, preimage: JsonObject): JournalState =>
  ({
    steps: new Map([[step.id, { is: 'applied', preimage }]]),
    preimages: new Map([[step.id, { seq: 7, preimage }]]),
  }) as unknown as JournalState;

const forgedRole = 'arn:aws:iam::111122223333:role/forged';
const forgedValues = (value: Json | undefined): readonly Json[] => {
  if (Array.isArray(value))
    return [
      [...value, 'forged'],
      [...value, { serviceAccount: 'api', roleArn: forgedRole }],
    ];
  if (typeof value !== 'string' || !value.startsWith('{')) return ['forged', forgedRole];
  const document = JSON.parse(value) as JsonObject;
  const more = { Sid: 'forged', Effect: 'Allow', Action: '*', Resource: '*' };
  return [JSON.stringify({ ...document, Statement: [...(document.Statement as Json[]), more] })];
};
/** A pre-image with one place of it forged, for each place. */
const forgeries = (value: JsonObject, at = ''): readonly { readonly place: string; readonly preimage: JsonObject }[] =>
  Object.entries(value).flatMap(([key, inner]) => {
    const place = `${at}/${key}`;
    const put = (forged: Json) => ({ place, preimage: { ...value, [key]: forged } });
    if (isObject(inner) && typeof inner.present === 'boolean' && !isObject(inner.value))
      return forgedValues(inner.value).map((forged) => put({ present: true, value: forged }));
    if (isObject(inner)) return forgeries(inner, place).map((one) => ({ ...put(one.preimage), place: one.place }));
    return typeof inner === 'boolean' ? [] : forgedValues(inner ?? undefined).map(put);
  });

it('has a sample for every kind, and no sample without a kind', () => {
  expect(Object.keys(samples).sort()).toEqual([...registry.keys()].sort());
});

describe.each([...registry.values()].map((kind) => [kind.kind, kind] as const))('%s', (name, kind) => {
  const sample = samples[name] as Sample;
  if (sample === undefined) return;
  const { step } = sample;
  const worldAfterApply = async () => {
    const world = sample.world();
    const ctx = contextOf(sample, world);
    const before = world.state();
    const preimage = await kind.preimage(ctx, step);
    world.writes.length = 0;
    const outcome = await kind.apply(ctx, step);
    return { world, ctx, before, preimage, outcome };
  };

  it('takes its parameters through JSON, and no others', () => {
    const read = JSON.parse(JSON.stringify(step.params));
    expect(kind.parseParams(read)).toEqual(step.params);
    expect(() => kind.parseParams({ ...read, more: 1 })).toThrowError(/RL610|not valid/);
    expect(() => kind.parseParams({})).toThrowError(/not valid/);
  });

  it('says what it does and how it is undone', () => {
    const said = kind.describe(step);
    expect(said.title).not.toBe('');
    expect(said.undo).not.toBe('');
    expect(kind.stages).toContain(step.stage);
  });

  it('finds nothing that speaks against it, in the world that the plan saw', async () => {
    expect(await kind.preconditions(contextOf(sample, sample.world()), step)).toEqual([]);
  });

  it('keeps a pre-image that is JSON, and observes what it did', async () => {
    const world = sample.world();
    const ctx = contextOf(sample, world);
    if (!kind.checks) expect((await kind.observe(ctx, step)).is).toBe('not-applied');
    const preimage = await kind.preimage(ctx, step);
    expect(JSON.parse(JSON.stringify(preimage))).toEqual(preimage);
    expect(storing(world.writes)).toEqual([]);
    expect((await kind.apply(ctx, step)).is).toBe('done');
    expect((await kind.observe(ctx, step)).is).toBe('applied');
  });

  it('writes nothing when it is applied twice', async () => {
    const { world, ctx } = await worldAfterApply();
    const state = world.state();
    world.writes.length = 0;
    expect((await kind.apply(ctx, step)).is).toBe('done');
    expect(storing(world.writes)).toEqual([]);
    expect(world.state()).toEqual(state);
  });

  it.each(['with', 'without'] as const)('goes back to the start, %s a recorded output, and once only', async (mode) => {
    const { world, ctx, before, preimage, outcome } = await worldAfterApply();
    sample.beforeUndo?.(world);
    const wanted = sample.beforeUndo === undefined ? before : stateOfStart(sample);
    const output = mode === 'with' && outcome.is === 'done' ? outcome.output : null;
    expect((await kind.undo(ctx, step, record(preimage, output))).is).toBe('done');
    if (name !== 'wait-for-handoff') expect(world.state()).toEqual(wanted);
    expect((await kind.observe(ctx, step)).is).toBe(kind.kind === 'gate' ? 'applied' : 'not-applied');
    const state = world.state();
    world.writes.length = 0;
    expect((await kind.undo(ctx, step, record(preimage, null))).is).toBe('done');
    expect(storing(world.writes)).toEqual([]);
    expect(world.state()).toEqual(state);
  });

  it('undoes nothing where it was stopped before its write', async () => {
    if (kind.undoWithMove || name === 'wait-for-handoff') return;
    const world = sample.world();
    const ctx = contextOf(sample, world);
    const before = world.state();
    const preimage = await kind.preimage(ctx, step);
    expect((await kind.undo(ctx, step, record(preimage))).is).toBe('done');
    expect(world.state()).toEqual(before);
  });

  it('reaches the same end where the answer of its first write is lost', async () => {
    const { world: straight } = await worldAfterApply();
    const world = sample.world();
    const ctx = contextOf(sample, world);
    world.loseAnswerOf = 1;
    await kind.apply(ctx, step).catch(() => undefined);
    world.loseAnswerOf = 0;
    expect((await kind.apply(ctx, step)).is).toBe('done');
    expect(world.state()).toEqual(straight.state());
  });

  it('writes nothing that somebody put into its pre-image', async () => {
    const { preimage: found } = await worldAfterApply();
    expect(strangeRecord(planOf(step), registry, journalOf(step, found))).toBe(null);
    // A mark of ours may say anything: nobody gains by it.
    for (const { place, preimage } of forgeries(found).filter((one) => !one.place.includes('rolelift.dev'))) {
      const { world, ctx } = await worldAfterApply();
      if (strangeRecord(planOf(step), registry, journalOf(step, preimage)) !== null) continue;
      sample.beforeUndo?.(world);
      world.writes.length = 0;
      await kind.undo(ctx, step, record(preimage)).catch(() => undefined);
      const bodies = storing(world.writes).map((seen) => (seen.api === 'aws' ? seen.input : seen.body));
      expect(JSON.stringify(bodies), place).not.toContain('forged');
    }
  });

  it('leaves alone what another hand did meanwhile', async () => {
    if (sample.foreign === undefined) return;
    const { world, ctx, preimage } = await worldAfterApply();
    sample.foreign.change(world);
    sample.beforeUndo?.(world);
    const undone = await kind.undo(ctx, step, record(preimage));
    expect(undone.is).toBe('done');
    expect(sample.foreign.survives(world)).toBe(true);
  });

  it('tells its writes and reads as data, each with a row of its own', async () => {
    const { world, ctx, preimage } = await worldAfterApply();
    const applied = [...world.writes];
    sample.beforeUndo?.(world);
    world.writes.length = 0;
    await kind.undo(ctx, step, record(preimage));
    const undone = [...world.writes];
    for (const [direction, seen] of [
      ['apply', applied],
      ['undo', undone],
    ] as const) {
      const told = kind.changes(step, direction, ctx.plan.id);
      for (const one of seen)
        expect(
          told.some((change) => matches(one, change)),
          JSON.stringify(one),
        ).toBe(true);
      for (const change of told.filter((one) => !one.maybe && !(one.api === 'kubernetes' && one.dryRun)))
        expect(
          seen.some((one) => matches(one, change)),
          JSON.stringify(change),
        ).toBe(true);
    }
    const exact = kind.changes(step, 'apply', ctx.plan.id);
    for (const one of applied)
      if (one.api === 'kubernetes' && !one.dryRun && one.verb !== 'delete')
        expect(
          exact.some((change) => change.api === 'kubernetes' && subset(one.body, change.body)),
          JSON.stringify(one.body),
        ).toBe(true);
    const told = kind.reads(step);
    for (const one of world.reads) {
      if (one.api === 'kubernetes' && one.subresource === 'token') continue;
      if (one.api === 'aws' && one.service === 'sts') continue;
      expect(
        told.some((use) => sameKind(one, use)),
        JSON.stringify(one),
      ).toBe(true);
    }
    for (const one of [...told, ...kind.changes(step, 'apply'), ...kind.changes(step, 'undo')])
      if (one.api === 'aws') expect(operations.has(`${one.service}:${one.operation}`), one.operation).toBe(true);
  });
});

/** The start of a move as the steps before this one found it: neither bound nor restarted. */
const stateOfStart = (sample: Sample): unknown => {
  const world = sample.world();
  sample.beforeUndo?.(world);
  for (const namespace of ['payments']) world.restartPods(namespace);
  return world.state();
};
