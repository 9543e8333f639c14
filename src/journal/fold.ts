import { RoleliftError } from '../model/error.js';
import type { GateState } from '../model/gate.js';
import type { JournalEvent, RunState, StepState } from '../model/journal.js';
import { type JsonObject, numberAt } from '../model/json.js';

/** The fold of a journal, with what resuming and undoing need beside the steps' states. */
export interface JournalState extends RunState {
  readonly header: (JournalEvent & { readonly type: 'header' }) | null;
  /** The options that the last run was started with. */
  readonly lastOptions: JsonObject;
  /**
   * Number of the session: one command with all its resumes. It rises when a run ends of itself (not by a signal), or when another
   * command begins; what happened in the present session is what an uninterrupted run would know.
   */
  readonly session: number;
  /** Session and line of each step's newest event. */
  readonly touched: ReadonlyMap<string, { readonly session: number; readonly seq: number }>;
  /** Session in which each step failed last on the way there; kept after its undo. */
  readonly failedIn: ReadonlyMap<string, number>;
  /** First pre-image since the last `undone`, kept after it too; `seq` orders them by age. */
  readonly preimages: ReadonlyMap<string, { readonly seq: number; readonly preimage: JsonObject }>;
  /** The longest soak that a run was started with, milliseconds. */
  readonly soakMs: number | null;
  /** Gates that were opened, with by whom; closed ones stand in `gates` until the next run begins. */
  readonly gates: ReadonlyMap<string, GateState>;
}

type StepEvent = JournalEvent & { readonly step: string };
type StepEventType = StepEvent['type'];

/** Which event may follow which state; everything else is refused. */
export const legalEvents: Readonly<Record<StepState['is'], readonly StepEventType[]>> = {
  pending: ['started', 'skipped', 'failed', 'undo-started'],
  skipped: ['started', 'skipped', 'failed', 'undo-started'],
  'in-flight': ['started', 'applied', 'failed', 'undo-started'],
  failed: ['started', 'applied', 'failed', 'skipped', 'undo-started'],
  applied: ['verified', 'undo-started'],
  verified: ['verified', 'undo-started'],
  undoing: ['undo-started', 'undone', 'undo-failed'],
  'undo-failed': ['undo-started'],
  undone: ['started', 'skipped', 'failed', 'undo-started'],
};

/** Exit codes of a run that a signal ended: the same command goes on with the same session. */
const interruptedExits: readonly number[] = [130, 143];

const refuse = (event: JournalEvent, cause: string): RoleliftError =>
  new RoleliftError(
    {
      code: 'RL621',
      message: `line ${event.seq} of the journal tells what cannot have happened: ${event.type}${'step' in event ? ` of ${event.step}` : ''}`,
      cause,
      remedy: 'Nothing was run. The journal was edited or mixed up with another one: restore it from a backup.',
      fault: 'user',
    },
    { exit: 4 },
  );

const kept = (state: StepState | undefined): { preimage: JsonObject | null; output: JsonObject | null } => ({
  preimage: state !== undefined && 'preimage' in state ? state.preimage : null,
  output: state !== undefined && 'output' in state ? state.output : null,
});

/** The next state of one step. Throws RL621 where the event cannot follow the state. */
const nextState = (before: StepState, event: StepEvent): StepState => {
  if (!legalEvents[before.is].includes(event.type)) throw refuse(event, `the step was ${before.is}`);
  const { preimage, output } = kept(before);
  const attempts = 'attempts' in before ? before.attempts : 0;
  switch (event.type) {
    case 'started':
      return {
        is: 'in-flight',
        preimage: preimage ?? (event.preimage as JsonObject),
        attempts: Math.max(attempts + 1, event.attempt),
      };
    case 'applied':
      if (preimage === null) throw refuse(event, 'it was never started');
      return {
        is: 'applied',
        preimage,
        output: event.output as JsonObject,
        since: event.serverTime ?? Date.parse(event.at),
        proof: null,
      };
    case 'verified': {
      const done = before as StepState & { is: 'applied' | 'verified' };
      return { ...done, is: 'verified', proof: event.proof };
    }
    case 'skipped':
      return { is: 'skipped', because: event.because };
    case 'failed':
      return { is: 'failed', preimage, attempts, error: event.error as never };
    case 'undo-started':
      return { is: 'undoing', preimage, output };
    case 'undone':
      return { is: 'undone', how: event.how, note: event.note };
    case 'undo-failed':
      return { is: 'undo-failed', preimage, output, error: event.error as never };
    default:
      throw refuse(event, 'the event is not known');
  }
};

const pending: StepState = { is: 'pending' };

/** A fold that goes on: `state` is live, and grows with each `add`. `add` throws RL621 and changes nothing on an illegal event. */
export const openFold = (): { readonly state: JournalState; add(event: JournalEvent): void } => {
  const steps = new Map<string, StepState>();
  const gates = new Map<string, GateState>();
  const touched = new Map<string, { session: number; seq: number }>();
  const failedIn = new Map<string, number>();
  const preimages = new Map<string, { seq: number; preimage: JsonObject }>();
  const stuck = new Set<string>();
  const state = {
    plan: null as string | null,
    lastSeq: 0,
    lastRun: null as JournalState['lastRun'],
    steps,
    gates,
    get stuck(): readonly string[] {
      return [...stuck];
    },
    startedAt: null as string | null,
    endedAt: null as string | null,
    header: null as JournalState['header'],
    lastOptions: {} as JsonObject,
    session: 0,
    touched,
    failedIn,
    preimages,
    soakMs: null as number | null,
  };

  const stepEvent = (event: StepEvent): void => {
    const before = steps.get(event.step) ?? pending;
    const after = nextState(before, event);
    steps.set(event.step, after);
    touched.set(event.step, { session: state.session, seq: event.seq });
    if (event.type === 'failed') failedIn.set(event.step, state.session);
    if (event.type === 'started' && kept(before).preimage === null)
      preimages.set(event.step, { seq: event.seq, preimage: event.preimage as JsonObject });
    if (after.is === 'undo-failed') stuck.add(event.step);
    else stuck.delete(event.step);
  };

  const add = (event: JournalEvent): void => {
    if (event.seq !== state.lastSeq + 1) throw refuse(event, `line ${state.lastSeq + 1} was expected`);
    if ((event.type === 'header') !== (event.seq === 1))
      throw refuse(event, 'the header is the first line, and no other');
    switch (event.type) {
      case 'header':
        state.plan = event.plan;
        state.header = event;
        break;
      case 'run-started': {
        const before = state.lastRun;
        if (before !== null && before.command !== event.command && !before.ended) state.session += 1;
        state.lastRun = { id: event.run, command: event.command, holder: event.holder, ended: false, exit: null };
        state.lastOptions = event.options as JsonObject;
        state.startedAt ??= event.at;
        state.endedAt = null;
        const soak = numberAt(event.options, 'soakMs');
        if (event.command === 'apply' && soak !== undefined) state.soakMs = Math.max(state.soakMs ?? 0, soak);
        // What was closed is asked again; after a rollback nothing that was opened before it still stands.
        for (const [id, gate] of gates) if (gate.is === 'closed' || event.command === 'rollback') gates.delete(id);
        break;
      }
      case 'run-ended':
        if (state.lastRun === null || state.lastRun.ended) throw refuse(event, 'no run was under way');
        state.lastRun = { ...state.lastRun, ended: true, exit: event.exit };
        state.endedAt = event.at;
        if (!interruptedExits.includes(event.exit)) state.session += 1;
        break;
      case 'gate-opened':
        gates.set(event.gate, { is: 'open', by: event.by });
        break;
      case 'paused':
        gates.set(event.gate, { is: 'closed', reason: event.reason, opensAt: null, how: '' });
        break;
      default:
        if (state.lastRun === null) throw refuse(event, 'no run had been started');
        stepEvent(event);
    }
    state.lastSeq = event.seq;
  };
  return { state, add };
};

/** Journal → run state: the one fold. Throws RL621 with the line of an event that cannot have happened. */
export const fold = (events: Iterable<JournalEvent>): JournalState => {
  const folding = openFold();
  for (const event of events) folding.add(event);
  return folding.state;
};
