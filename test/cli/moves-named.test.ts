import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { movesNamed } from '../../src/cli/moves-named.js';
import { type Plan, planSchema } from '../../src/model/plan.js';

const plan = planSchema.parse(
  JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../plans/example/plan.json'), 'utf8')),
) as unknown as Plan;

describe('a move that a person names', () => {
  it('is known by its id, and by what the screens show of it', () => {
    expect(movesNamed(plan, ['move:payments/api', 'orders/worker'], 'p')).toEqual([
      'move:payments/api',
      'move:orders/worker',
    ]);
  });

  it('is refused where the plan has none, with those that are like it', () => {
    const refused = (name: string) => {
      try {
        return movesNamed(plan, [name], 'plans/prod');
      } catch (thrown) {
        return (thrown as { data: unknown }).data;
      }
    };
    expect(refused('payments/apo')).toMatchObject({
      code: 'RL628',
      cause: 'it has payments/api, payments/ledger',
      remedy: 'rolelift show plans/prod lists the moves.',
    });
    expect(refused('ledger')).toMatchObject({ cause: 'it has payments/ledger' });
    expect(refused('nothing/like-it')).toMatchObject({ code: 'RL628', cause: '' });
    expect(refused('')).toMatchObject({ code: 'RL628', cause: '' });
  });
});
