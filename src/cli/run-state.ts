import { randomBytes } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import path from 'node:path';
import type { AllClients } from '../clients/clients.js';
import { systemClock } from '../clients/system-clock.js';
import type { Stops } from '../engine/run.js';
import { lockDirectory } from '../journal/directory-lock.js';
import { fileStore } from '../journal/file-store.js';
import { type Journal, openJournal } from '../journal/journal.js';
import { takeLease } from '../journal/lease-lock.js';
import { type ObjectStore, objectJournal } from '../journal/object-store.js';
import { listRuns, type RunEntry, recordRun } from '../journal/run-registry.js';
import type { Clock } from '../model/clock.js';
import { RoleliftError, textOf } from '../model/error.js';
import type { Plan } from '../model/plan.js';
import type { Looker } from '../verify/context.js';
import { checkNotElsewhere, folderIn, knownPlace, notePlace, openStore, placeFor } from './journal-place.js';
import { connectTo } from './live.js';
import { files, folderName, parseJson, readText, saveJson } from './plan-directory.js';
import type { Session } from './session.js';
import { toolName } from './version.js';

/** Namespace of the ConfigMap that lists the runs of a cluster. */
const runsNamespace = 'kube-system';

/** `user@host`, for people who wonder who holds a lock. */
export const holderName = (): string => {
  const user = (() => {
    try {
      return userInfo().username;
    } catch {
      return 'unknown';
    }
  })();
  return `${user}@${hostname()}`;
};

/** Now, as part of a name: `20261121t100000z`. */
export const timeStamp = (): string =>
  new Date(systemClock.now())
    .toISOString()
    .replace(/[-:]|\.\d+/g, '')
    .toLowerCase();

export interface OpenRun {
  readonly journal: Journal;
  readonly clock: Clock;
  /** What ends the engine's work from outside: the person's signals, and the loss of the lock. */
  readonly stops: Required<Stops>;
  looker(proveToken: boolean): Looker;
  close(): Promise<void>;
}

export interface RunOpening {
  readonly session: Session;
  readonly clients: AllClients;
  readonly plan: Plan;
  readonly directory: string;
  readonly state: string | undefined;
  /** `NAMESPACE/NAME`, or `none`. */
  readonly lock: string;
  readonly command: string;
  /** The journal begins with what marks tell, on purpose: the one before is lost. */
  readonly fromMarks?: true;
  /** Aborted with the lock, for the clients' calls: none may be on the wire when another run takes over (H22). */
  readonly lost: AbortController;
}

/** Takes the locks, opens the journal and writes the run into the cluster's list. Everything taken is given back by `close`. */
export const openRun = async (opening: RunOpening): Promise<OpenRun> => {
  const { session, clients, plan, directory } = opening;
  const place = await placeFor(opening.state, directory, clients.connection.server);
  const run = `${timeStamp()}-${randomBytes(3).toString('hex')}`;
  const undo: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const act of undo.splice(0).reverse()) await act().catch(() => undefined);
  };
  try {
    const holder = `${holderName()} ${directory} ${run}`;
    const lock = await lockDirectory(directory, holderName());
    undo.push(() => lock.release());
    let fence: AbortSignal = new AbortController().signal;
    let stillHeld = (): boolean => true;
    if (opening.lock !== 'none') {
      const [namespace, name] = opening.lock.split('/') as [string, string | undefined];
      if (name === undefined || name === '' || namespace === '') {
        throw new RoleliftError(
          {
            code: 'RL609',
            message: `${opening.lock} names no lock`,
            remedy: 'Give --lock NAMESPACE/NAME or --lock none.',
            fault: 'user',
          },
          { exit: 64 },
        );
      }
      const lease = await takeLease({
        kubernetes: clients.kubernetes(),
        clock: systemClock,
        namespace,
        name,
        holder,
        // We hold the directory's own lock, so a lease of this directory on this machine belongs to a dead run.
        isOurs: (other) => other.startsWith(`${holderName()} ${directory} `),
        onWait: (other) =>
          session.host.say({
            kind: 'note',
            code: 'RL862',
            text: `waiting whether the lock's holder is alive: ${other}`,
          }),
      });
      fence = lease.fence;
      fence.addEventListener('abort', () => opening.lost.abort(lease.fence.reason), { once: true });
      stillHeld = () => lease.left() > 0;
      undo.push(() => lease.release());
    }
    // Where marks are all there is, the plan's own journal may lie in that storage all the same, whatever became of it.
    const name = opening.fromMarks === true ? path.basename(directory) : plan.id;
    const where =
      place.is === 'local' ? `local:${hostname()}:${directory}` : `s3://${place.bucket}/${folderIn(place, name)}`;
    const objects = place.is === 's3' ? await openStore(session, place, clients.region) : null;
    const begun =
      place.is === 's3'
        ? (await objects?.get(`${folderIn(place, name)}/${files.plan}`)) !== null
        : (await knownPlace(directory)) !== null;
    if (!begun && opening.fromMarks !== true)
      checkNotElsewhere(await listRuns(clients.kubernetes(), runsNamespace).catch(() => []), plan, where);
    const store =
      place.is === 's3' && objects !== null
        ? await remoteStore(objects, folderIn(place, name), plan, directory)
        : fileStore(path.join(directory, files.journal));
    const journal = await openJournal(store, {
      clock: systemClock,
      run,
      serverTime: () => clients.serverTime(),
      onEvent: (event) => session.host.say({ kind: 'event', event }),
    });
    undo.push(() => journal.close());
    // A journal by marks has a folder of its own there; the note would lead to the plan's.
    if (opening.fromMarks !== true) await notePlace(directory, place);
    const entry: RunEntry = {
      run,
      command: opening.command,
      planId: plan.id,
      plan: plan.digest,
      state: where,
      holder: holderName(),
      tool: toolName(),
      startedAt: new Date(systemClock.now()).toISOString(),
      endedAt: null,
      exit: null,
    };
    await recordRun(clients.kubernetes(), runsNamespace, entry).catch((thrown: unknown) =>
      session.host.say({
        kind: 'note',
        code: 'RL802',
        text: `this run could not be noted in the cluster (rolelift runs will not know it): ${textOf(thrown)}`,
      }),
    );
    undo.push(() =>
      recordRun(clients.kubernetes(), runsNamespace, {
        ...entry,
        endedAt: new Date(systemClock.now()).toISOString(),
        exit: journal.state.lastRun?.exit ?? null,
      }),
    );
    return {
      journal,
      clock: systemClock,
      stops: { graceful: session.stopping, hard: session.ended, fence, stillHeld: () => stillHeld() },
      looker: (proveToken) => ({
        plan,
        clients,
        clock: systemClock,
        signal: session.ended,
        say: (message) => session.host.say(message),
        run,
        proveToken,
      }),
      close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
};

/** The journal in object storage, with the plan beside it so that another machine needs nothing else. */
const remoteStore = async (store: ObjectStore, folder: string, plan: Plan, directory: string) => {
  const key = `${folder}/${files.plan}`;
  if ((await store.get(key)) === null) {
    await store.put(key, `${JSON.stringify(plan, null, 2)}\n`, { ifNoneMatch: '*' });
    await store.put(
      `${folder}/${files.runbook}`,
      await readText(path.join(directory, files.runbook), 'the runbook').catch(() => ''),
    );
  }
  return objectJournal(store, folder);
};

/** Finds a run by what the cluster knows of it, from any machine (H5). Fetches the plan where its state is in object storage. */
export const findRun = async (
  session: Session,
  run: string,
): Promise<{ readonly directory: string; readonly state: string }> => {
  const clients = await connectTo(session);
  const entry = (await listRuns(clients.kubernetes(), runsNamespace)).find(
    (each) => each.run === run || each.planId === run,
  );
  if (entry === undefined) {
    throw new RoleliftError(
      {
        code: 'RL629',
        message: `this cluster knows no run ${run}`,
        remedy: 'rolelift runs lists them; rollback --from-live needs none.',
        fault: 'user',
      },
      { exit: 64 },
    );
  }
  const local = /^local:([^:]*):(.*)$/.exec(entry.state);
  if (local !== null) {
    const [, host, directory] = local as unknown as [string, string, string];
    if (host === hostname()) return { directory, state: 'local' };
    throw new RoleliftError(
      {
        code: 'RL630',
        message: `the state of run ${run} lies on another machine`,
        cause: `it is in ${directory} on ${host}`,
        remedy: `Copy that folder here, or run there; without it: rolelift rollback --from-live.`,
        fault: 'user',
      },
      { exit: 4 },
    );
  }
  const remote = /^s3:\/\/([^/]+)\/(.*)$/.exec(entry.state) as unknown as [string, string, string] | null;
  if (remote === null)
    throw new RoleliftError(
      {
        code: 'RL630',
        message: `the state of run ${run} is at ${entry.state}, which this version does not know`,
        remedy: 'Use the version that made it.',
        fault: 'user',
      },
      { exit: 4 },
    );
  const [, bucket, prefix] = remote;
  if (!`/${prefix}`.endsWith(`/${entry.planId}`))
    throw new RoleliftError(
      {
        code: 'RL630',
        message: `run ${run} undid what marks told`,
        cause: 'its journal begins with what it found, and is of no use to another run',
        remedy: 'Run rolelift rollback --from-live again: it looks what is left.',
        fault: 'user',
      },
      { exit: 4 },
    );
  const store = await openStore(session, { is: 's3', bucket, prefix }, clients.region);
  const found = await store.get(`${prefix}/${files.plan}`);
  if (found === null)
    throw new RoleliftError(
      {
        code: 'RL630',
        message: `there is no plan at ${entry.state}`,
        remedy: 'Check the bucket; without it: rolelift rollback --from-live.',
        fault: 'user',
      },
      { exit: 4 },
    );
  const directory = path.resolve(session.options.out ?? path.join('plans', folderName(entry.planId)));
  await saveJson(directory, files.plan, parseJson(found.body, `${entry.state}/${files.plan}`));
  return { directory, state: `s3://${bucket}/${prefix.split('/').slice(0, -1).join('/')}`.replace(/\/$/, '') };
};

export const runsOf = (clients: AllClients): Promise<readonly RunEntry[]> =>
  listRuns(clients.kubernetes(), runsNamespace);
