import { RoleliftError } from '../model/error.js';
import type { Plan } from '../model/plan.js';

/** Moves of the same namespace, or with the same last word. */
const near = (plan: Plan, name: string): string => {
  const [last = '', space = ''] = name
    .replace(/^move:/, '')
    .split('/')
    .reverse();
  const like = plan.moves
    .map(({ id }) => id.replace(/^move:/, ''))
    .filter((id) => (space !== '' && id.startsWith(`${space}/`)) || (last !== '' && id.includes(last)));
  return like.slice(0, 5).join(', ');
};

/**
 * The ids of moves that a person named: as the plan has them, or without `move:`, as the screens show them. Throws RL628 (exit 64)
 * where the plan has no such move.
 */
export const movesNamed = (plan: Plan, given: readonly string[], here: string): readonly string[] =>
  given.map((name) => {
    const found = [name, `move:${name}`].find((id) => plan.moves.some((move) => move.id === id));
    if (found !== undefined) return found;
    const like = near(plan, name);
    throw new RoleliftError(
      {
        code: 'RL628',
        message: `the plan has no move ${name}`,
        cause: like === '' ? '' : `it has ${like}`,
        remedy: `rolelift show ${here} lists the moves.`,
        fault: 'user',
      },
      { exit: 64 },
    );
  });
