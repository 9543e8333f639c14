import type { Inventory } from '../model/inventory.js';
import { laneApis } from '../model/lane.js';
import type { Say } from '../model/message.js';
import type { Plan } from '../model/plan.js';
import { twinOf } from '../sandbox/twin.js';
import { registry as stepKinds } from '../steps/registry.js';
import type { Registry } from '../steps/step.js';
import { componentsOf } from './components.js';
import { type Explored, explore } from './interruptions.js';
import { type IdentityModel, identityModel } from './model.js';
import { type Cast, type Engine, engine as realEngine } from './play.js';
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
  failures.push(...whole.failures);
  say({
    kind: 'progress',
    id: 'rehearse',
    parent: null,
    title: 'rehearse: the plan and back',
    state: failures.length > 0 ? 'failed' : 'done',
  });
  start.sandbox.stop();
  const explored = await exploreAll(options, cast, say);
  failures.push(...explored.failures);
  return {
    format: verdictFormat,
    plan: plan.digest,
    passed: failures.length === 0,
    states: whole.states,
    answers: whole.answers,
    playedInFull: 1 + explored.full,
    interruptionPoints: explored.points,
    faults: {},
    failures,
    estimate: whole.estimate,
    assumed: [...scenario.assumed],
    notPlayed: whole.notPlayed,
    tool,
  };
};

/** So many of each lane's calls that no lane ever waits: in explorations time is not measured. */
const unlimited: Readonly<Record<string, number>> = Object.fromEntries(
  laneApis.flatMap((api) => [
    [`${api}-read`, 1e6],
    [`${api}-write`, 1e6],
  ]),
);

/** Cuts every component's runs off at every write. */
const exploreAll = async (options: RehearseOptions, cast: Cast, say: Say): Promise<Explored> => {
  const components = componentsOf(options.plan, options.inventory, cast.registry);
  const failures: RehearsalFailure[] = [];
  const known = new Set<string>();
  let points = 0;
  let full = 0;
  const progress = (done: number, state: 'running' | 'done' | 'failed'): void =>
    say({
      kind: 'progress',
      id: 'interruptions',
      parent: null,
      title: 'rehearse: cut off at every write, and taken up again',
      state,
      done,
      of: components.length,
    });
  let troupe: Troupe | null = null;
  for (const [number, component] of components.entries()) {
    progress(number, 'running');
    const scenario = twinOf(component.inventory);
    troupe ??= await Troupe.of(scenario, unlimited);
    const start = await raiseTwin(scenario);
    const explored = await explore({
      cast: { ...cast, plan: component.plan, troupe },
      start,
      every: options.quick === true ? 40 : 10,
      number,
      known,
    });
    start.sandbox.stop();
    failures.push(...explored.failures);
    points += explored.points;
    full += explored.full;
    for (const step of component.plan.steps) if (step.move === null) known.add(step.id);
    if (failures.length >= mostFailures) break;
  }
  progress(components.length, failures.length > 0 ? 'failed' : 'done');
  return { failures, points, full };
};

/** As many are enough to see what is wrong. */
const mostFailures = 20;
