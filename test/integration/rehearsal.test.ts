import { expect, it } from 'vitest';
import { rehearse } from '../../src/rehearsal/rehearse.js';
import { planned } from '../rehearsal/estates.js';
import { manyMoves } from '../rehearsal/many-moves.js';

it('rehearses a healthy plan of 500 moves with all its interruption points', async () => {
  const { plan, inventory } = await planned(await manyMoves(500));
  expect(plan.moves.filter(({ blocked }) => !blocked)).toHaveLength(500);
  const verdict = await rehearse({ plan, inventory, tool: 'test' });
  expect(verdict.failures).toEqual([]);
  // Each move has at least its trust, annotation, restart and the old annotation to write, and to take back, cut off before and after.
  expect(verdict.interruptionPoints + verdict.alikePoints).toBeGreaterThan(500 * 16);
}, 900_000);
