import type { Inventory } from '../model/inventory.js';
import { laneApis } from '../model/lane.js';
import type { Say } from '../model/message.js';
import type { Plan } from '../model/plan.js';
import { twinOf } from '../sandbox/twin.js';
import { registry as stepKinds } from '../steps/registry.js';
import type { Registry } from '../steps/step.js';
import { type Component, componentsOf, partWith } from './components.js';
import { faultsFor } from './faults.js';
import { type Explored, explore } from './interruptions.js';
import { type IdentityModel, identityModel } from './model.js';
import { type Cast, type Engine, engine as realEngine } from './play.js';
import { shapesOf } from './shapes.js';
import { stopIf } from './stopped.js';
import { raiseTwin, Troupe } from './twin.js';
import { nothingToPlay, type Rehearsal, type RehearsalFailure, verdictFormat } from './verdict.js';
import { playWhole } from './whole-play.js';

export interface RehearseOptions {
  readonly plan: Plan;
  /** The inventory that the plan was made from. */
  readonly inventory: Inventory;
  /** `rolelift 0.1.0` */
  readonly tool: string;
  /** Fewer faults and fewer full resumes. */
  readonly quick?: boolean;
  readonly say?: Say;
  /** Ends the rehearsal between two plays, with RL806. */
  readonly signal?: AbortSignal;
  readonly registry?: Registry;
  readonly model?: IdentityModel;
  readonly engine?: Engine;
}

/** How pods of the twin behave: slower than a test's, so that the estimate of minutes means something. */
const timings = { readyMs: 15_000, terminateMs: 5_000, controllerMs: 100 };

/**
 * Plays a plan, its rollback, their interruptions and faults on a twin that is built from the plan's own inventory, with the real engine
 * and the real clients, and holds every state to the invariants.
 */
export const rehearse = async (options: RehearseOptions): Promise<Rehearsal> => {
  const { plan, inventory, tool } = options;
  const say = options.say ?? (() => undefined);
  if (!plan.moves.some((move) => !move.blocked && !move.skip)) return nothingToPlay(plan, tool);
  const scenario = twinOf(inventory);
  const withTimes = {
    ...scenario,
    cluster: { ...scenario.cluster, timings: { ...scenario.cluster.timings, ...timings } },
  } as typeof scenario;
  const start = await raiseTwin(withTimes);
  const cast: Cast = {
    plan,
    registry: options.registry ?? stepKinds,
    engine: options.engine ?? realEngine,
    troupe: await Troupe.of(withTimes),
  };
  const model = options.model ?? identityModel;
  const failures: RehearsalFailure[] = [];
  const steps = plan.steps.length * 2;
  say({
    kind: 'progress',
    id: 'rehearse',
    parent: null,
    title: 'rehearse: the plan and back',
    state: 'running',
    done: 0,
    of: steps,
  });
  const whole = await playWhole({
    cast,
    inventory,
    model,
    start,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onWrite: (writes, phase) =>
      say({
        kind: 'progress',
        id: 'rehearse',
        parent: null,
        title: `rehearse: ${phase}`,
        state: 'running',
        done: Math.min(writes, steps),
        of: steps,
      }),
  });
  failures.push(...(await shortened(options, cast, model, whole.failures)));
  say({
    kind: 'progress',
    id: 'rehearse',
    parent: null,
    title: 'rehearse: the plan and back',
    state: failures.length > 0 ? 'failed' : 'done',
  });
  start.sandbox.stop();
  const explored = await exploreAll(options, cast, model, say);
  failures.push(...explored.failures);
  return {
    format: verdictFormat,
    plan: plan.digest,
    passed: failures.length === 0,
    states: whole.states,
    answers: whole.answers,
    playedInFull: 1 + explored.full,
    interruptionPoints: explored.points,
    alikePoints: explored.alike,
    faults: explored.faults,
    failures,
    estimate: whole.estimate,
    assumed: [...scenario.assumed],
    notPlayed: whole.notPlayed,
    tool,
  };
};

/** Moves whose failures are played once more, alone. */
const shortenedMoves = 3;

/**
 * The shortest way to see failures of a large plan again: the failing move is played alone, and where it fails alone too, that is told.
 */
const shortened = async (
  options: RehearseOptions,
  cast: Cast,
  model: IdentityModel,
  failures: readonly RehearsalFailure[],
): Promise<readonly RehearsalFailure[]> => {
  const alone = new Map<string, readonly RehearsalFailure[]>();
  for (const { move } of failures) {
    if (move === null || alone.has(move) || alone.size >= shortenedMoves) continue;
    const { plan, inventory } = partWith(options.plan, options.inventory, cast.registry, [move]);
    if (plan.moves.length >= options.plan.moves.length) return failures;
    const scenario = twinOf(inventory);
    const start = await raiseTwin(scenario);
    const troupe = await Troupe.of(scenario, unlimited);
    const played = await playWhole({ cast: { ...cast, plan, troupe }, inventory, model, start });
    start.sandbox.stop();
    alone.set(move, played.failures);
  }
  return failures.map((failure) => {
    const own = alone.get(failure.move ?? '');
    if (own === undefined) return failure;
    const same = own.find(({ subject }) => subject === failure.subject) ?? own[0];
    return same === undefined
      ? {
          ...failure,
          reproduce: `rolelift rehearse PLAN; ${failure.reproduce.split('; ').slice(1).join('; ')} (not with the move alone)`,
        }
      : { ...failure, reproduce: same.reproduce };
  });
};

/** So many of each lane's calls that no lane ever waits: in explorations time is not measured. */
const unlimited: Readonly<Record<string, number>> = Object.fromEntries(
  laneApis.flatMap((api) => [
    [`${api}-read`, 1e6],
    [`${api}-write`, 1e6],
  ]),
);

/** As many are enough to see what is wrong. */
const mostFailures = 20;
/** Points that are played before moves like those that were played are left out. */
const enoughPoints = { quick: 100, thorough: 600 };

/** Shapes that are played with faults. */
const enoughFaulted = { quick: 3, thorough: 20 };

interface Depth extends Explored {
  /** Points of moves that differ from played ones in names alone. */
  readonly alike: number;
  readonly faults: Readonly<Record<string, number>>;
}

/** Cuts components' runs off at every write, and plays them with faults: one of each shape, then others up to a bound. */
const exploreAll = async (options: RehearseOptions, cast: Cast, model: IdentityModel, say: Say): Promise<Depth> => {
  const components = componentsOf(options.plan, options.inventory, cast.registry);
  const shapes = shapesOf(components);
  const quick = options.quick === true;
  const bound = quick ? enoughPoints.quick : enoughPoints.thorough;
  const failures: RehearsalFailure[] = [];
  const known = new Set<string>();
  const pointsOf = new Map<number, number>();
  const faults: Record<string, number> = {};
  let points = 0;
  let full = 0;
  let alike = 0;
  const progress = (done: number, state: 'running' | 'done' | 'failed'): void =>
    say({
      kind: 'progress',
      id: 'interruptions',
      parent: null,
      title: 'rehearse: cut off at every write, with faults, and taken up again',
      state,
      done,
      of: components.length,
    });
  let troupe: Troupe | null = null;
  let paced: Troupe | null = null;
  const first = (number: number): boolean => shapes.indexOf(shapes[number] as number) === number;
  const order = [...components.keys()].sort(
    (left, right) => Number(first(right)) - Number(first(left)) || left - right,
  );
  for (const [done, number] of order.entries()) {
    const component = components[number] as Component;
    const shape = shapes[number] as number;
    progress(done, 'running');
    stopIf(options.signal);
    if (!first(number) && points >= bound) {
      alike += pointsOf.get(shape) ?? 0;
      continue;
    }
    const scenario = twinOf(component.inventory);
    troupe ??= await Troupe.of(scenario, unlimited);
    const start = await raiseTwin(scenario);
    const explored = await explore({
      cast: { ...cast, plan: component.plan, troupe },
      start,
      every: quick ? 40 : first(number) ? 10 : 30,
      number,
      known,
    });
    failures.push(...explored.failures);
    points += explored.points;
    full += explored.full;
    if (first(number)) {
      pointsOf.set(shape, explored.points);
      const faulted = pointsOf.size <= (quick ? enoughFaulted.quick : enoughFaulted.thorough);
      paced ??= await Troupe.of(scenario);
      for (const play of faulted ? await faultsFor(start, component.plan, component.inventory, quick) : []) {
        const { plan, inventory } = component;
        const played = await playWhole({
          cast: { ...cast, plan, troupe: play.fault.name === 'throttling' ? paced : troupe },
          inventory,
          model,
          ...play,
        });
        failures.push(...played.failures);
        faults[play.fault.name] = (faults[play.fault.name] ?? 0) + 1;
        full += 1;
      }
    }
    start.sandbox.stop();
    for (const step of component.plan.steps) if (step.move === null) known.add(step.id);
    if (failures.length >= mostFailures) break;
  }
  progress(components.length, failures.length > 0 ? 'failed' : 'done');
  return { failures, points, full, alike, faults };
};
