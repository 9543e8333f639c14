import { fold } from '../journal/fold.js';
import { memoryStore } from '../journal/memory-store.js';
import { canonical } from '../model/canonical.js';
import type { JournalEvent, StepState } from '../model/journal.js';
import type { Plan } from '../model/plan.js';
import { OtherHands } from './other-hands.js';
import { type Cast, playRun, playThrough } from './play.js';
import { type Between, calm, forkTwin, type Twin } from './twin.js';
import type { RehearsalFailure } from './verdict.js';
import { writeOf } from './writes.js';

export interface Explored {
  readonly failures: readonly RehearsalFailure[];
  /** Moments at which a run was cut off and recovered. */
  readonly points: number;
  /** Runs that were played to their very end. */
  readonly full: number;
}

export interface ExploreOptions {
  readonly cast: Cast;
  /** The component's estate before anything. */
  readonly start: Twin;
  /** Each how-many-th point is also played to the end, and from each how-many-th of the way there the plan is rolled back. */
  readonly every: number;
  /** Number of the component, so that samples differ. */
  readonly number: number;
  /** Steps whose writes are left alone: another component has explored them. */
  readonly known: ReadonlySet<string>;
}

type Command = 'apply' | 'rollback';

/** A moment before or after a write, from which everything can go on. */
interface Point {
  readonly command: Command;
  readonly twin: Twin;
  /** Lines of the journal that are durable by then. */
  readonly lines: number;
  readonly when: 'before' | 'after';
  readonly write: string;
}

const stages = ['prepare', 'cutover', 'retire'] as const;
/** One step after the other, so that the same point leads to the same next step. */
const one = { concurrency: 1, rollouts: 1 };

/** States of steps in which something is under way. */
const underWay = (state: StepState): boolean => state.is === 'in-flight' || state.is === 'undoing';
const settles = new Set<JournalEvent['type']>(['applied', 'skipped', 'failed', 'undone', 'undo-failed']);

/** An estate as one text, without what the tool keeps house with. */
const textOf = async (twin: Twin): Promise<string> => {
  await calm(twin, 60_000);
  const parts = [...twin.sandbox.cluster.estate()].filter(([key]) => !/^coordination/.test(key));
  return `${parts.map(([key, text]) => `${key} ${text}`).join('\n')}\n${canonical(twin.sandbox.canonical()['aws'] ?? null)}`;
};

/**
 * Cuts a component's run, and its rollback, off before and after every write, and takes each up again with the real engine until the steps
 * in flight are settled. Their targets and the folded state must then be what the uninterrupted run had there: from there on it is the
 * same run. Where that is not so at once, and for a sample, the run is played to its end, which must be the uninterrupted one's.
 */
export const explore = async (options: ExploreOptions): Promise<Explored> => {
  const { cast, start } = options;
  const { plan } = cast;
  const twin = forkTwin(start);
  const store = memoryStore();
  const hands = new OtherHands(twin, plan);
  const points: Point[] = [];
  const settled = new Map<string, { readonly twin: Twin; readonly lines: number }>();
  const failures: RehearsalFailure[] = [];
  let points0 = 0;
  let full = 0;

  const record = (command: Command): Promise<{ readonly exit: number }> => {
    const between: Between = async (request, send, side) => {
      const write = writeOf(request, side);
      if (write === null) return send();
      const flying = lastStarted(store.events, command);
      const keep = flying === null || !options.known.has(flying);
      const before: Point = {
        command,
        twin: forkTwin(twin),
        lines: store.events.length,
        when: 'before',
        write: write.title,
      };
      const answer = await send();
      if (keep && answer.status < 300) {
        points.push(before);
        points.push({ command, twin: forkTwin(twin), lines: store.events.length, when: 'after', write: write.title });
      }
      return answer;
    };
    const heard = (event: JournalEvent): void => {
      if ('step' in event && settles.has(event.type))
        settled.set(`${command} ${event.step}`, { twin: forkTwin(twin), lines: store.events.length });
    };
    return playThrough(cast, command, {
      twin,
      store,
      between,
      heard,
      hands,
      run: command,
      apply: { stages: [...stages], ...one },
      unwind: one,
    });
  };

  const applied = await record('apply');
  const there = await textOf(forkTwin(twin));
  const linesThere = store.events.length;
  const back = applied.exit === 0 ? await record('rollback') : applied;
  const ends: Readonly<Record<Command, string>> = { apply: there, rollback: await textOf(forkTwin(twin)) };
  const home = await textOf(forkTwin(start));
  // What does not come to its end uninterrupted is the whole play's to tell.
  if (applied.exit !== 0 || back.exit !== 0) return { failures, points: 0, full: 0 };

  const references = new Map<string, string>();
  const reference = async (key: string): Promise<string | null> => {
    const known = references.get(key);
    if (known !== undefined) return known;
    const found = settled.get(key);
    if (found === undefined) return null;
    const text = await textOf(found.twin);
    references.set(key, text);
    return text;
  };
  const statesAt = (lines: number): string => statesText(fold(store.events.slice(0, lines)).steps);

  const goOn = async (point: Point, at: Twin, command: Command, upTo: ReadonlySet<string> | null) => {
    const again = memoryStore(store.events.slice(0, point.lines));
    const graceful = new AbortController();
    const left = new Set(upTo ?? []);
    let last: string | null = null;
    const heard = (event: JournalEvent): void => {
      if (upTo === null || !('step' in event) || !settles.has(event.type)) return;
      if (left.delete(event.step)) last = event.step;
      if (left.size === 0) graceful.abort(130);
    };
    const helper = new OtherHands(at, plan);
    const common = {
      twin: at,
      store: again,
      heard,
      hands: helper,
      run: 'again',
      apply: { stages: [...stages], ...one },
      unwind: one,
    };
    const result = await (upTo === null
      ? playThrough(cast, command, common)
      : playRun(cast, command, { ...common, graceful: graceful.signal }));
    return {
      result,
      last: last as string | null,
      states: statesText(fold(again.events).steps),
      text: await textOf(at),
    };
  };

  const fail = (point: Point, message: string): void => {
    failures.push({
      message,
      subject: plan.moves[0]?.id ?? '',
      move: plan.moves[0]?.id ?? null,
      reproduce: reproduce(plan, point),
    });
  };

  const toTheEnd = async (point: Point, at: Twin, command: Command, end: string, what: string): Promise<void> => {
    full += 1;
    const { result, text } = await goOn(point, at, command, null);
    if (result.exit !== 0 || text !== end)
      fail(
        point,
        `${what} ${point.when} ${point.write} does not end where the uninterrupted run ends${result.failures[0] === undefined ? (result.exit === 0 ? '' : ` (exit ${result.exit})`) : `: ${result.failures[0].error.code} ${result.failures[0].error.message}`}`,
      );
  };

  for (const [index, point] of points.entries()) {
    points0 += 1;
    const sample = (index + options.number) % options.every === 0;
    const turn =
      point.command === 'apply' && (index + options.number) % options.every === Math.floor(options.every / 2);
    const spare = sample ? forkTwin(point.twin) : null;
    const spareBack = turn ? forkTwin(point.twin) : null;
    const flying = new Set(
      [...fold(store.events.slice(0, point.lines)).steps].filter(([, state]) => underWay(state)).map(([id]) => id),
    );
    const backup = forkTwin(point.twin);
    if (flying.size > 0) {
      const { result, last, states, text } = await goOn(point, point.twin, point.command, flying);
      const key = `${point.command} ${last ?? ''}`;
      const expected = await reference(key);
      const same = expected === text && statesAt(settled.get(key)?.lines ?? linesThere) === states;
      if (!same || result.failures.length > 0)
        await toTheEnd(point, backup, point.command, ends[point.command], `${point.command}, cut off`);
    }
    if (spare !== null) await toTheEnd(point, spare, point.command, ends[point.command], `${point.command}, cut off`);
    if (spareBack !== null)
      await toTheEnd(point, spareBack, 'rollback', home, 'the rollback of an apply that was cut off');
    if (failures.length >= 5) break;
  }
  return { failures, points: points0, full: full + 2 };
};

const statesText = (steps: ReadonlyMap<string, StepState>): string =>
  [...steps]
    .map(([id, state]) => `${id} ${state.is === 'verified' ? 'applied' : state.is}`)
    .sort()
    .join('\n');

/** The step whose write is under way, as the journal's last intent tells. */
const lastStarted = (events: readonly JournalEvent[], command: Command): string | null => {
  const type = command === 'apply' ? 'started' : 'undo-started';
  for (let at = events.length - 1; at >= 0; at -= 1) {
    const event = events[at] as JournalEvent;
    if (event.type === type) return event.step;
  }
  return null;
};

const reproduce = (plan: Plan, point: Point): string =>
  `rolelift rehearse ${plan.moves.map(({ id }) => `--move ${id}`).join(' ')}: cut ${point.command} off ${point.when} ${point.write}, then run the same command again`;
