import { table } from '../../report/table.js';
import { connectTo } from '../live.js';
import { runsOf } from '../run-state.js';
import { type GlobalOptions, openSession } from '../session.js';

export const run = async (_args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const session = openSession(given as unknown as GlobalOptions);
  const runs = await runsOf(await connectTo(session));
  if (session.options.json) session.host.result(JSON.stringify(runs, null, 2));
  else if (runs.length === 0) session.host.result('this cluster knows of no run');
  else {
    session.host.result(
      table(
        runs,
        [
          { title: 'run', cell: (row) => row.run },
          { title: 'command', cell: (row) => row.command },
          { title: 'plan', cell: (row) => row.planId, gives: 3, least: 12 },
          { title: 'ended', cell: (row) => (row.endedAt === null ? 'no' : `exit ${row.exit ?? '?'}`) },
          { title: 'state', cell: (row) => row.state, gives: 2, least: 16 },
        ],
        session.host.width,
        session.host.style.dim,
      ),
    );
  }
  await session.host.close();
  return 0;
};
