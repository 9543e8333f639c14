import { sameJson } from '../model/canonical.js';
import { textOf } from '../model/error.js';
import type { RunState } from '../model/journal.js';
import { listAt, textAt } from '../model/json.js';
import type { Move, Step } from '../model/plan.js';
import type { Proof } from '../model/words.js';
import { judgedSteps } from '../steps/judged.js';
import { workloadRef } from '../steps/params.js';
import { configured, exchange } from '../steps/proof.js';
import { registry } from '../steps/registry.js';
import { type Looker, lookingCtx } from './context.js';
import { type Expectation, expectationOf, seenUsed } from './evidence.js';
import { probe } from './probe.js';

export interface MoveProof {
  readonly move: string;
  /** `not-moved`: nothing of its cutover is in force by the journal; it is not judged. */
  readonly state: 'proven' | 'not-proven' | 'wrong' | 'not-moved';
  readonly role: string | null;
  readonly mechanism: string | null;
  readonly proof: Proof | null;
  /** ISO time of the newest pod, or of the use that was seen. */
  readonly since: string | null;
  readonly pods: number;
  /** What is wrong, or what keeps it from being proven. */
  readonly reasons: readonly string[];
  /** What a permission or a delay kept from being proven. */
  readonly notKnown: readonly string[];
}

/** Which identity has each moved workload now, proven how, since when? Nothing is written; tokens and probe pods only where asked for (H17). */
export const verifyMoves = async (looker: Looker, run: RunState): Promise<readonly MoveProof[]> => {
  const proofs: MoveProof[] = [];
  for (const move of looker.plan.moves) {
    looker.signal.throwIfAborted();
    if (move.blocked || move.skip) continue;
    looker.say({
      kind: 'progress',
      id: 'verify',
      parent: null,
      title: 'verify',
      state: 'running',
      done: proofs.length,
      of: looker.plan.moves.length,
    });
    proofs.push(await verifyMove(looker, run, move));
  }
  looker.say({ kind: 'progress', id: 'verify', parent: null, title: 'verify', state: 'done' });
  return proofs;
};

const inForce = (run: RunState, step: string): boolean =>
  ['applied', 'verified', 'skipped'].includes(run.steps.get(step)?.is ?? 'pending');

const verifyMove = async (looker: Looker, run: RunState, move: Move): Promise<MoveProof> => {
  const expectation = expectationOf(looker.plan, move);
  const base = {
    move: move.id,
    role: move.to?.role ?? null,
    mechanism: move.to?.mechanism ?? null,
    proof: null,
    since: null,
    pods: 0,
    notKnown: [],
  };
  const cutover = looker.plan.steps.filter((step) => step.move === move.id && step.stage === 'cutover');
  if (expectation === null || !cutover.some((step) => inForce(run, step.id))) {
    return { ...base, state: 'not-moved', reasons: ['its cutover was not applied, or was undone'] };
  }
  const broken = await brokenSteps(looker, run, move);
  const found = await configured(
    lookingCtx(looker),
    expectation.workloads,
    expectation.identity,
    expectation.serviceAccount,
  );
  const reasons = [...broken, ...found.wrong.map((pod) => `pod ${pod.pod}: ${pod.reasons.join('; ')}`)];
  const since = found.newest === 0 ? null : new Date(found.newest).toISOString();
  if (reasons.length > 0) return { ...base, state: 'wrong', pods: found.pods, since, reasons };
  if (found.pods === 0) {
    return {
      ...base,
      state: 'not-proven',
      reasons: [`${found.without.join(', ')} has no pod that could prove anything`],
    };
  }
  const notKnown = found.without.map((workload) => `${workload} has no pod that could prove anything`);
  const proof = await deeper(looker, expectation, found.newest, notKnown);
  if (proof.is === 'wrong') return { ...base, state: 'wrong', pods: found.pods, since, reasons: [proof.because] };
  return {
    ...base,
    state: found.without.length > 0 ? 'not-proven' : 'proven',
    proof: proof.level,
    since: proof.at ?? since,
    pods: found.pods,
    reasons: found.without.length > 0 ? notKnown : [],
    notKnown: found.without.length > 0 ? [] : notKnown,
  };
};

/** What narrows a statement to an external id looks for it in that form; the open one is gone, as it should be (H15). */
const narrows = (step: Step, wider: Step): boolean =>
  step.kind === 'tighten-trust-statement' &&
  wider.kind === 'add-trust-statement' &&
  ['account', 'role', 'statement'].every((key) => sameJson(step.params[key] ?? null, wider.params[key] ?? null));

/** Applied writes of a move that are no longer in force: somebody took a statement, an annotation or an association away (H19). */
const brokenSteps = async (looker: Looker, run: RunState, move: Move): Promise<readonly string[]> => {
  const ctx = lookingCtx(looker);
  const reasons: string[] = [];
  const steps = judgedSteps(looker.plan, move.id).filter((step) => inForce(run, step.id));
  for (const step of steps) {
    const kind = registry.get(step.kind);
    if (kind === undefined || steps.some((other) => narrows(other, step))) continue;
    try {
      const seen = await kind.observe(ctx, step);
      if (seen.is === 'not-applied' || seen.is === 'gone') reasons.push(`no longer in force: ${step.title}`);
      if (seen.is === 'drifted')
        reasons.push(`changed by ${seen.by ?? 'somebody else'}: ${step.title} (${seen.field})`);
    } catch (thrown) {
      reasons.push(`could not look at it: ${step.title} (${textOf(thrown)})`);
    }
  }
  return reasons;
};

type Deeper =
  | { readonly is: 'ok'; readonly level: Proof; readonly at: string | null }
  | { readonly is: 'wrong'; readonly because: string };

const deeper = async (
  looker: Looker,
  expectation: Expectation,
  newest: number,
  notKnown: string[],
): Promise<Deeper> => {
  let level: Proof = 'configured';
  if (looker.proveToken && expectation.identity.mechanism === 'irsa') {
    try {
      await exchange(lookingCtx(looker), {
        namespace: expectation.namespace,
        name: expectation.serviceAccount,
        role: expectation.identity.role,
      });
      level = 'exchangeable';
    } catch (thrown) {
      return { is: 'wrong', because: textOf(thrown) };
    }
  }
  let probed: string | null = null;
  if (looker.probeImage !== undefined && looker.probeImage !== null) {
    const answer = await probe(looker, expectation, looker.probeImage);
    if (answer.is === 'wrong') return answer;
    if (answer.is === 'used') probed = answer.at;
    else notKnown.push(answer.because);
  }
  try {
    const used = await seenUsed(looker, expectation, 0, newest);
    if (used.is === 'used') {
      notKnown.push(...(await masked(looker, expectation, 'was seen used by one of them at least')));
      return { is: 'ok', level: 'used', at: used.at };
    }
    if (probed === null)
      notKnown.push(
        used.is === 'not-readable' ? used.because : 'no use seen in CloudTrail yet (it tells some minutes late)',
      );
  } catch (thrown) {
    notKnown.push(`use could not be looked up: ${textOf(thrown)}`);
  }
  if (probed === null) return { is: 'ok', level, at: null };
  notKnown.push(...(await masked(looker, expectation, 'was used by a probe with an SDK of its own', 1)));
  return { is: 'ok', level: 'used', at: probed };
};

/** Containers of which nothing tells whether it is they that use the new identity: an old one beside a new one does not show (H10). */
const masked = async (
  looker: Looker,
  expectation: Expectation,
  seen: string,
  least = 2,
): Promise<readonly string[]> => {
  const found: string[] = [];
  for (const workload of expectation.workloads) {
    const [pod] = await lookingCtx(looker).kubernetes().podsOf(workloadRef(workload));
    const names = listAt(pod, 'spec', 'containers').map((container) => textAt(container, 'name') ?? '');
    if (names.length >= least)
      found.push(
        `the identity of ${workload.kind} ${workload.namespace}/${workload.name} ${seen}; whether the SDK of each of ${names.join(', ')} is new enough does not show`,
      );
  }
  return found;
};
