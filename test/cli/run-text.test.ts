import { describe, expect, it } from 'vitest';
import { commandsFor } from '../../src/cli/guide-commands.js';
import { moveProgress } from '../../src/cli/move-progress.js';
import { pausesText } from '../../src/cli/pause-text.js';
import { type EndedRun, resultText } from '../../src/cli/run-result.js';
import type { RunResult } from '../../src/engine/run.js';
import type { Message } from '../../src/model/message.js';
import type { Plan } from '../../src/model/plan.js';
import { shellWord } from '../../src/model/shell.js';
import { plainStyle } from '../../src/model/style.js';

/** A plan as far as these texts look at it: moves a, b, … with so many steps each. */
const planOf = (moves: readonly string[], steps: number): Plan =>
  ({
    moves: moves.map((id) => ({ id })),
    steps: moves.flatMap((move) =>
      Array.from({ length: steps }, (_, index) => ({ id: `${move}:${index}`, move, params: {} })),
    ),
  }) as unknown as Plan;
const step = (move: string, index: number, state: 'running' | 'done'): Message => ({
  kind: 'progress',
  id: `${move}:${index}`,
  parent: move,
  title: 'a step',
  state,
});

describe('progress of moves', () => {
  const follow = (moves: readonly string[], direction: 'apply' | 'rollback' = 'apply') => {
    const said: Message[] = [];
    const plan = planOf(moves, 2);
    const progress = moveProgress(plan, new Set(plan.steps.map(({ id }) => id)), direction, (message) =>
      said.push(message),
    );
    return { said, progress };
  };
  const rows = (said: readonly Message[]): readonly string[] =>
    said.flatMap((message) =>
      message.kind === 'progress' && message.parent === null
        ? [`${message.title} ${message.state} ${message.done}/${message.of}`]
        : [],
    );

  it('counts the steps of each move, and ends with how the move ended', () => {
    const { said, progress } = follow(['move:a', 'move:b']);
    progress.say(step('move:a', 0, 'running'));
    progress.say(step('move:a', 0, 'done'));
    progress.say(step('move:a', 0, 'done'));
    progress.say(step('move:a', 1, 'done'));
    progress.say(step('move:b', 0, 'done'));
    progress.end(
      new Map([
        ['move:a', 'waiting'],
        ['move:b', 'failed'],
      ]),
    );
    expect(rows(said)).toEqual([
      'a running 0/2',
      'a running 1/2',
      'a running 2/2',
      'b running 0/2',
      'b running 1/2',
      // All that was asked of a is over; what it waits for is a later stage.
      'a done 2/2',
      'b (failed) failed 1/2',
    ]);
  });

  it('takes a move that had to be undone for a failed one in an apply, and for a done one in a rollback', () => {
    for (const [direction, last] of [
      ['apply', 'a (undone) failed 0/2'],
      ['rollback', 'a done 2/2'],
    ] as const) {
      const { said, progress } = follow(['move:a'], direction);
      progress.say(step('move:a', 0, 'done'));
      progress.say(step('move:a', 1, 'done'));
      progress.end(new Map([['move:a', 'undone']]));
      expect(rows(said).at(-1)).toBe(last);
    }
  });

  it('shares one line where there are too many moves for a screen', () => {
    const moves = Array.from({ length: 30 }, (_, index) => `move:m${index}`);
    const { said, progress } = follow(moves);
    for (const move of moves) for (const index of [0, 1]) progress.say(step(move, index, 'done'));
    progress.end(new Map(moves.map((move) => [move, 'done'])));
    expect(
      new Set(said.flatMap((message) => (message.kind === 'progress' ? [message.parent ?? message.id] : []))),
    ).toEqual(new Set(['moves']));
    expect(rows(said).at(-1)).toBe('moves done 30/30');
  });
});

describe('what a run waits for', () => {
  const soak = (move: string, at: string) => ({
    gate: `soak:${move}`,
    step: `${move}:0`,
    reason: `${move} soaks until ${at}`,
    how: 'rolelift apply plans/a --stage retire, from then on',
    opensAt: Date.parse(at),
  });

  it('is told once for moves that differ in name and time only, with the last time', () => {
    const plan = planOf(['move:a', 'move:b'], 1);
    const text = pausesText(
      [soak('move:a', '2026-01-01T10:00:00.000Z'), soak('move:b', '2026-01-01T12:00:00.000Z')],
      plan,
      'apply',
      plainStyle,
      80,
    );
    expect(text.split('\n').map((line) => line.trim())).toEqual([
      '‖ 2 moves: soaks until 2026-01-01T12:00:00.000Z',
      'a, b',
      'rolelift apply plans/a --stage retire, from then on',
    ]);
  });

  it('names the fields that a hand-off waits for, and their values', () => {
    const plan = planOf(['move:a'], 1);
    const ref = { kind: 'ServiceAccount', namespace: 'shop', name: 'web' };
    const params = {
      changes: [{ ref, pointer: '/metadata/annotations/x', value: 'arn\u001b[2J' }],
      reverse: [{ ref, pointer: '/metadata/annotations/x', value: null }],
    };
    const held = { ...plan, steps: plan.steps.map((each) => ({ ...each, params })) } as unknown as Plan;
    const pause = { gate: 'handoff', step: 'move:a:0', reason: 'waits', how: 'Make it.', opensAt: null };
    const forward = pausesText([pause], held, 'apply', plainStyle, 80);
    expect(forward).toContain('ServiceAccount shop/web');
    expect(forward).toContain('/metadata/annotations/x: "arn');
    expect(forward).not.toContain('\u001b');
    expect(pausesText([pause], held, 'rollback', plainStyle, 80)).toContain('(taken away)');
  });
});

describe('commands that are printed', () => {
  it('do the same as the answers, and can be typed as they stand', () => {
    const all = {
      context: 'prod',
      target: 'auto',
      namespaces: [],
      moves: [],
      directory: 'plans/prod',
      state: null,
    } as const;
    expect(commandsFor(all)).toEqual([
      'rolelift plan --context prod -o plans/prod',
      'rolelift rehearse plans/prod',
      'rolelift apply plans/prod --context prod --yes',
    ]);
    const some = {
      ...all,
      context: 'arn:aws:eks:eu-west-1:1:cluster/my prod',
      target: 'irsa',
      namespaces: ['a', 'b'],
      moves: ['move:a/x'],
      state: 's3://b/p',
    } as const;
    expect(commandsFor(some)).toEqual([
      "rolelift plan --context 'arn:aws:eks:eu-west-1:1:cluster/my prod' --target irsa -n a -n b -o plans/prod",
      'rolelift rehearse plans/prod',
      "rolelift apply plans/prod --context 'arn:aws:eks:eu-west-1:1:cluster/my prod' --move move:a/x --state s3://b/p --yes",
    ]);
  });

  it('quote what a shell would read otherwise', () => {
    expect(shellWord('plans/demo')).toBe('plans/demo');
    expect(shellWord("it's $(rm)")).toBe("'it'\\''s $(rm)'");
    expect(shellWord('')).toBe("''");
  });
});

describe('the end of a run', () => {
  it('tells of a move whose retire failed that its identity holds, and how far retire came', () => {
    const plan = planOf(['move:a'], 3);
    const stages = ['prepare', 'cutover', 'retire'];
    const staged = { ...plan, steps: plan.steps.map((each, index) => ({ ...each, stage: stages[index] })) };
    const result = {
      exit: 1,
      moves: new Map([['move:a', 'failed']]),
      failures: [],
      pauses: [],
      left: [],
      next: ['rolelift rollback plans/a --move move:a'],
      counts: { applied: 0, skipped: 0, undone: 1 },
    } as unknown as RunResult;
    const ended = (retire: string): string => {
      const is = ['applied', 'verified', retire];
      const steps = new Map(staged.steps.map(({ id }, index) => [id, { is: is[index] }]));
      const run = { plan: staged, state: { steps }, direction: 'apply' } as unknown as EndedRun;
      return resultText(result, run, plainStyle, 100).replaceAll(/\s+/g, ' ');
    };
    expect(ended('undone')).toContain('failed a the new identity holds, with the old way beside it');
    expect(ended('undone')).toContain('next: rolelift rollback plans/a --move move:a');
    expect(ended('applied')).toContain('retire is done in part');
  });
});
