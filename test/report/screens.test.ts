import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ErrorData } from '../../src/model/error.js';
import type { RunState, StepState } from '../../src/model/journal.js';
import { type Plan, planSchema } from '../../src/model/plan.js';
import { plainStyle } from '../../src/model/style.js';
import { leftData, leftText } from '../../src/report/left.js';
import { movesToAsk, type OldWays, progressOf, statusData, statusText } from '../../src/report/progress.js';
import { reviewText } from '../../src/report/review.js';
import { runbook } from '../../src/report/runbook.js';
import { summaryText } from '../../src/report/summary.js';

const plan = planSchema.parse(
  JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../plans/example/plan.json'), 'utf8')),
) as unknown as Plan;

/** A run in which the steps that `done` says yes to are applied. */
const runOf = (done: (step: Plan['steps'][number]) => StepState['is']): RunState => {
  const steps = new Map<string, StepState>();
  for (const step of plan.steps) {
    const is = done(step);
    if (is !== 'pending')
      steps.set(step.id, {
        is,
        preimage: {},
        output: {},
        since: 0,
        proof: null,
        how: 'exact',
        note: '',
        attempts: 1,
        because: 'already-true',
        error: { code: 'RL811', message: 'it took too long', subject: null, cause: '', remedy: '', fault: 'remote' },
      } as unknown as StepState);
  }
  return { plan: plan.digest, lastSeq: 1, lastRun: null, steps, gates: new Map(), stuck: false } as unknown as RunState;
};
const states = (run: RunState) =>
  Object.fromEntries(progressOf(plan, run).map((row) => [row.move.id.replace('move:', ''), row.state]));

describe('status', () => {
  it('tells for each move where it stands', () => {
    expect(new Set(Object.values(states(runOf(() => 'pending'))))).toEqual(new Set(['not started', 'blocked']));
    const moved = runOf((step) =>
      step.stage !== 'retire' && step.move === 'move:payments/api' ? 'applied' : 'pending',
    );
    expect(states(moved)).toMatchObject({ 'payments/api': 'moved', 'payments/ledger': 'not started' });
    const retired = runOf((step) => (step.move === 'move:payments/api' ? 'verified' : 'pending'));
    expect(states(retired)).toMatchObject({ 'payments/api': 'retired' });
    // A retire that failed put back what it had taken: the move is as it was before.
    const back = runOf((step) =>
      step.move !== 'move:payments/api' ? 'pending' : step.stage === 'retire' ? 'undone' : 'applied',
    );
    expect(states(back)).toMatchObject({ 'payments/api': 'moved' });
    const half = runOf((step) =>
      step.move !== 'move:payments/api' ? 'pending' : step.stage === 'prepare' ? 'applied' : 'undone',
    );
    expect(states(half)).toMatchObject({ 'payments/api': 'partly undone' });
    const failed = runOf((step) =>
      step.move === 'move:payments/api' && step.stage === 'cutover' ? 'failed' : 'pending',
    );
    expect(states(failed)).toMatchObject({ 'payments/api': 'failed' });
    expect(statusText(plan, failed, plainStyle, 80)).toContain('RL811 it took too long');
  });

  it('explains its words once, and gives the same as data', () => {
    const moved = runOf((step) => (step.stage === 'retire' ? 'pending' : 'applied'));
    const text = statusText(plan, moved, plainStyle, 80);
    expect(text.match(/^moved: .*retire/gm)).toHaveLength(1);
    expect(text.match(/^reversible is not known: the cluster was not asked/gm)).toHaveLength(1);
    expect(text).toMatch(/payments\/api .* \?/);
    expect(statusData(plan, moved)).toMatchObject({ plan: plan.id, digest: plan.digest });
  });

  it('tells which moves could go back, as the identity model sees the old way now', () => {
    const moved = runOf((step) =>
      step.stage === 'retire' || step.move === 'move:orders/worker'
        ? 'pending'
        : step.move === 'move:media/encoder' && step.stage !== 'prepare'
          ? 'pending'
          : 'applied',
    );
    const gone: ErrorData = {
      code: 'RL406',
      message: 'no way back',
      subject: null,
      cause: 'kiam is not there',
      remedy: 'Bring it back.',
      fault: 'user',
    };
    const oldWays: OldWays = { is: 'asked', of: (move) => (move === 'move:payments/api' ? gone : null) };
    const rows = Object.fromEntries(progressOf(plan, moved, oldWays).map((row) => [row.move.id, row.reversible]));
    expect(rows['move:payments/api']).toEqual({ is: false, because: 'RL406 kiam is not there. Bring it back.' });
    expect(rows['move:payments/ledger']?.is).toBe(true);
    expect(rows['move:media/encoder']).toEqual({ is: true, because: 'its pods were not touched' });
    expect(rows['move:orders/worker']).toEqual({ is: true, because: 'nothing of it was done' });
    expect(movesToAsk(plan, moved)).not.toContain('move:media/encoder');
    const text = statusText(plan, moved, plainStyle, 80, oldWays);
    expect(text).toMatch(/payments\/api .* no\n/);
    expect(text).toMatch(/^not reversible: RL406 kiam is not there\. Bring it back\. \(payments\/api\)/m);
    expect(text).toMatch(/orders\/worker .* -\n/);
  });
});

describe('what is left', () => {
  it('tells moves to make from moves to retire', () => {
    const after = {
      ...plan,
      moves: plan.moves.map((move) =>
        move.id === 'move:payments/api' ? { ...move, from: { ...move.from, broker: 'irsa' as const } } : move,
      ),
    };
    const view = { plan: after, dependents: [], alarms: [{ subject: 'Role x', text: 'a statement is gone' }] };
    const text = leftText(view, plainStyle, 80);
    expect(text).toContain('9 moves left, 1 to retire, 1 blocked');
    expect(text).toMatch(/payments\/api .* to retire/);
    expect(text).toMatch(/ALARM\n {2}Role x/);
    expect(leftData(view)).toMatchObject({ left: 9, toRetire: 1, blocked: 1 });
  });
});

describe('every screen', () => {
  it('keeps to its width, but for words that cannot be broken', () => {
    const run = runOf((step) => (step.stage === 'retire' ? 'pending' : 'applied'));
    for (const width of [80, 100, 120]) {
      const texts = [
        summaryText(plan, plainStyle, width),
        reviewText(plan, plainStyle, width),
        statusText(plan, run, plainStyle, width),
      ];
      for (const line of texts.join('\n').split('\n'))
        if (line.length > width) expect(line.trim().split(/\s+/).length, line).toBeLessThan(4);
    }
  });

  it('tells a blocked move with its code and reason on the short one', () => {
    const text = summaryText(plan, plainStyle, 80);
    expect(text).toMatch(/10 moves, 1 blocked; \d+ steps/);
    expect(text).toMatch(/blocked {2}marketing\/campaigns: RL101/);
    expect(text).toMatch(/storefront\/web .* hand-off to argocd/);
  });
});

describe('the runbook', () => {
  const part = (text: string, title: string): readonly string[] =>
    (text.split(`## ${title}\n`)[1]?.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('- '));

  it('names every kind of step that an undo takes back, move by move, the shared ones last', () => {
    const lines = part(runbook(plan, 'plans/example'), 'Undo, move by move');
    const moves = plan.moves.filter(({ blocked }) => !blocked);
    for (const { id } of moves) expect(lines.filter((line) => line.startsWith(`- ${id}: `))).toHaveLength(1);
    expect(lines[moves.length]).toMatch(/^- shared.*: create-oidc-provider$/);
    const kinds = new Set(plan.steps.map(({ kind }) => kind).filter((kind) => kind !== 'gate'));
    expect(new Set(lines.slice(moves.length + 1).map((line) => line.split(/[- :]{2}/)[1]))).toEqual(kinds);
  });

  it('says how many moves it leaves out of a long list', () => {
    const [move] = plan.moves;
    const [step] = plan.steps.filter(({ kind }) => kind === 'add-trust-statement');
    if (move === undefined || step === undefined) throw new Error('the example has no such step');
    const many = Array.from({ length: 75 }, (_, index) => `move:shop/w${index}`);
    const long = {
      ...plan,
      moves: many.map((id) => ({ ...move, id })),
      steps: many.map((id) => ({ ...step, id: `${step.id}-${id}`, move: id, undoDependsOn: [] })),
    };
    const lines = part(runbook(long, 'p'), 'Undo, move by move');
    expect(lines[59]).toBe('- move:shop/w15: add-trust-statement');
    expect(lines[60]).toBe('- and 15 moves more: rolelift show p --json');
  });
});
