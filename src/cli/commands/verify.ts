import { systemClock } from '../../clients/system-clock.js';
import { proofsText } from '../../report/proofs.js';
import { stillDepends } from '../../verify/depends.js';
import { fallBacks, withFallBacks } from '../../verify/fall-backs.js';
import { verifyMoves } from '../../verify/verify.js';
import { readRunState } from '../journal-place.js';
import { connectTo, scanLive, stoppable } from '../live.js';
import { loadPlan, planDirectoryOf } from '../plan-directory.js';
import { type GlobalOptions, openSession } from '../session.js';

export const run = async (args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as GlobalOptions & {
    readonly prove?: 'token';
    readonly probe?: boolean;
    readonly probeImage?: string;
    readonly state?: string;
  };
  const session = openSession(options);
  const directory = await planDirectoryOf(args[0] as string);
  const plan = await loadPlan(directory);
  const state = await readRunState(session, plan, directory, options.state);
  const clients = await connectTo(session);
  const looked = await stoppable(
    session,
    verifyMoves(
      {
        plan,
        clients,
        clock: systemClock,
        signal: session.ended,
        say: (message) => session.host.say(message),
        run: `verify-${process.pid}`,
        proveToken: options.prove === 'token',
        probeImage: options.probe === true ? (options.probeImage ?? null) : null,
      },
      state,
    ),
  );
  const live = await scanLive(session, clients, { sharing: false });
  const proofs = withFallBacks(looked, fallBacks(live, plan));
  const dependents = stillDepends(live);
  await session.host.pause();
  if (options.json) session.host.result(JSON.stringify({ plan: plan.id, moves: proofs, dependents }, null, 2));
  else
    session.host.result(proofsText(proofs, dependents, plan.cluster.accountId, session.host.style, session.host.width));
  await session.host.close();
  if (proofs.some((proof) => proof.state === 'wrong')) return 1;
  return proofs.every((proof) => proof.state === 'proven') ? 0 : 3;
};
