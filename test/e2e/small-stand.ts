import { checkScenario } from '../../src/sandbox/scenario.js';
import type { Estate } from '../faults/estates.js';
import { actorOf, begin, type Direction, run } from '../faults/stage.js';
import type { Ended } from '../helpers/cli.js';
import { estate } from '../helpers/platforms.js';
import { raise, type Stand } from './stand.js';

/** The smallest estate that has everything a move needs. */
export const small: Estate = {
  title: 'one workload under kiam',
  scenario: checkScenario(estate(), 'small'),
  options: { scope: ['workloads'] },
};

/** A test with a stand of its own. */
export const withStand =
  (act: (stand: Stand) => Promise<void>, of: Estate = small) =>
  async (): Promise<void> => {
    const stand = await raise(of);
    try {
      await act(stand);
    } finally {
      await stand.close();
    }
  };

/** All that a command told, without its line breaks. */
export const seen = ({ out, err }: Pick<Ended, 'out' | 'err'>): string => `${out}${err}`.replaceAll(/\s+/g, ' ');

/** How many writes each direction takes on the small estate where nothing goes wrong, from a run in this process. */
export const calmWrites = async (): Promise<Record<Direction, number>> => {
  const { moment, plan } = await begin(small);
  const actor = actorOf(small, plan);
  const writes = { apply: 0, rollback: 0 };
  for (const direction of ['apply', 'rollback'] as const) {
    const count = (when: 'before' | 'after'): void => {
      if (when === 'after') writes[direction] += 1;
    };
    await run(actor, moment, direction, { watch: { write: count } });
  }
  return writes;
};
