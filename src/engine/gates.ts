import type { JournalState } from '../journal/fold.js';
import type { Gate, GateState } from '../model/gate.js';
import type { Plan } from '../model/plan.js';
import { againCommand, retireCommand } from './next-command.js';
import type { ApplyOptions, CommonOptions } from './run.js';

/** H10: what a soak lasts where nobody says otherwise. */
const defaultSoakMs = 86_400_000;

export interface GateFacts {
  readonly state: JournalState;
  readonly plan: Plan;
  readonly options: CommonOptions & Partial<ApplyOptions>;
  /** Milliseconds since 1970 by the servers. */
  readonly serverTime: number;
}

const closed = (reason: string, how: string, opensAt: number | null = null): GateState => ({
  is: 'closed',
  reason,
  opensAt,
  how,
});

/** Server time of the newest applied step of a move's cutover; null where none was applied. */
export const cutoverSince = (move: string, plan: Plan, state: JournalState): number | null => {
  let newest: number | null = null;
  for (const step of plan.steps) {
    if (step.move !== move || step.stage !== 'cutover') continue;
    const now = state.steps.get(step.id);
    if (now?.is === 'applied' || now?.is === 'verified') newest = Math.max(newest ?? 0, now.since);
  }
  return newest;
};

/** True where the journal holds a proof that the move's new identity was used from its pods. */
export const isUsed = (move: string, plan: Plan, state: JournalState): boolean =>
  plan.steps.some((step) => {
    if (step.move !== move) return false;
    const now = state.steps.get(step.id);
    return now?.is === 'verified' && now.proof === 'used';
  });

/** The soak that holds: what this run says, else the longest that an earlier one said, else 24 h. */
export const soakOf = (facts: Pick<GateFacts, 'options' | 'state'>): number =>
  facts.options.soakMs ?? facts.state.soakMs ?? defaultSoakMs;

/** Whether a gate is open, from the journal, the options and the servers' time alone. */
export const gateState = (gate: Gate, facts: GateFacts): GateState => {
  const { state, plan, options } = facts;
  const known = state.gates.get(gate.id);
  if (known?.is === 'open') return known;
  switch (gate.kind) {
    case 'approval':
      return options.yes
        ? { is: 'open', by: '--yes' }
        : closed(`${gate.stage} waits for an approval`, `${againCommand(options)} --yes`);
    case 'canary': {
      const rest = gate.moves.filter((move) => !isMoved(move, plan, state));
      return rest.length > 0
        ? closed(`the canary is not over: ${rest.join(', ')}`, againCommand(options))
        : closed('the first moves are done; the others wait for a look at them', againCommand(options));
    }
    case 'soak': {
      const since = facts.state.steps.get(gate.after);
      if (since?.is !== 'applied' && since?.is !== 'verified')
        return closed(`${gate.after} is not applied`, againCommand(options));
      const opensAt = since.since + gate.seconds * 1000;
      return facts.serverTime >= opensAt
        ? { is: 'open', by: 'time' }
        : closed(
            `soaking until ${new Date(opensAt).toISOString()}`,
            `${retireCommand(options)}, from then on`,
            opensAt,
          );
    }
    case 'evidence':
    case 'proof-of-use': {
      if (gate.kind === 'proof-of-use' && isUsed(gate.move, plan, state)) return { is: 'open', by: 'proof' };
      const accepted = options.acceptUnproven ?? [];
      if (accepted.includes('all') || accepted.includes(gate.move))
        return { is: 'open', by: `--accept-unproven ${accepted.includes('all') ? 'all' : gate.move}` };
      if (gate.kind === 'evidence')
        return closed(
          `there is no proof of it yet for ${gate.move}`,
          `${retireCommand(options)}, once there is; or with --accept-unproven ${gate.move}`,
        );
      return closed(
        `${gate.move} was not seen using its new identity`,
        `${retireCommand(options)} --accept-unproven ${gate.move}`,
      );
    }
    case 'handoff': {
      const step = state.steps.get(gate.step);
      return step?.is === 'applied' || step?.is === 'verified'
        ? { is: 'open', by: 'the owner' }
        : closed(`${gate.step} waits for its owner`, againCommand(options));
    }
    case 'confirmation':
      return closed('a person must confirm this', againCommand(options));
    default:
      return closed(`${gate.kind} holds the run`, againCommand(options));
  }
};

/** True where nothing of a move's prepare and cutover is left to do. */
export const isMoved = (move: string, plan: Plan, state: JournalState): boolean =>
  plan.steps.every((step) => {
    if (step.move !== move || step.stage === 'retire') return true;
    const now = state.steps.get(step.id)?.is;
    return now === 'applied' || now === 'verified' || now === 'skipped';
  });
