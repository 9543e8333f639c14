import { randomBytes } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import path from 'node:path';
import type { AllClients } from '../clients/clients.js';
import { s3ObjectStore } from '../clients/s3-object-store.js';
import { systemClock } from '../clients/system-clock.js';
import type { Stops } from '../engine/run.js';
import { lockDirectory } from '../journal/directory-lock.js';
import { fileStore } from '../journal/file-store.js';
import { type Journal, openJournal } from '../journal/journal.js';
import { takeLease } from '../journal/lease-lock.js';
import { objectJournal } from '../journal/object-store.js';
import { listRuns, type RunEntry, recordRun } from '../journal/run-registry.js';
import type { Clock } from '../model/clock.js';
import { RoleliftError, textOf } from '../model/error.js';
import type { Plan } from '../model/plan.js';
import type { Looker } from '../verify/context.js';
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
  /** Aborted with the lock, for the clients' calls: none may be on the wire when another run takes over (H22). */
  readonly lost: AbortController;
}

/** True where the API server is on this machine: a sandbox, as far as the journal's place goes. */
export const isLoopback = (server: string): boolean =>
  ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(server).hostname);

/** `local`, or an address in object storage; outside a sandbox one of them has to be named (H5). */
export const stateOf = (
  given: string | undefined,
  server: string,
): { readonly is: 'local' } | { readonly is: 's3'; readonly bucket: string; readonly prefix: string } => {
  if (given === undefined) {
    if (isLoopback(server)) return { is: 'local' };
    throw new RoleliftError(
      {
        code: 'RL609',
        message: 'where shall the journal live?',
        cause: 'whoever is on call may not have this machine: a local journal is lost to them',
        remedy: 'Give --state s3://bucket/prefix, or --state local if that is what you want.',
        fault: 'user',
      },
      { exit: 64 },
    );
  }
  if (given === 'local') return { is: 'local' };
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(given);
  if (match === null) {
    throw new RoleliftError(
      {
        code: 'RL609',
        message: `${given} is no place for a journal`,
        remedy: 'Give --state local or --state s3://bucket/prefix.',
        fault: 'user',
      },
      { exit: 64 },
    );
  }
  return { is: 's3', bucket: match[1] as string, prefix: (match[2] ?? '').replace(/\/+$/, '') };
};

/** `--state` as it was given, for the commands that are printed. */
export const stateOption = (given: string | undefined): string => (given === undefined ? '' : ` --state ${given}`);

/** The commands that go on with a plan, or back, with the state that was named for this run. */
export const nextCommands = (here: string, state: string | undefined) => ({
  apply: `rolelift apply ${here}${stateOption(state)}`,
  rollback: `rolelift rollback ${here}${stateOption(state)}`,
});

export const under = (prefix: string, name: string): string => (prefix === '' ? name : `${prefix}/${name}`);

/** Takes the locks, opens the journal and writes the run into the cluster's list. Everything taken is given back by `close`. */
export const openRun = async (opening: RunOpening): Promise<OpenRun> => {
  const { session, clients, plan, directory } = opening;
  const state = stateOf(opening.state, clients.connection.server);
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
    const where =
      state.is === 'local'
        ? `local:${hostname()}:${directory}`
        : `s3://${state.bucket}/${under(state.prefix, plan.id)}`;
    const store =
      state.is === 'local'
        ? fileStore(path.join(directory, files.journal))
        : await remoteStore(session, clients, state, plan, directory);
    const journal = await openJournal(store, {
      clock: systemClock,
      run,
      serverTime: () => clients.serverTime(),
      onEvent: (event) => session.host.say({ kind: 'event', event }),
    });
    undo.push(() => journal.close());
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
const remoteStore = async (
  session: Session,
  clients: AllClients,
  state: { readonly bucket: string; readonly prefix: string },
  plan: Plan,
  directory: string,
) => {
  const store = await s3ObjectStore({ bucket: state.bucket, region: clients.region, profile: session.options.profile });
  const prefix = under(state.prefix, plan.id);
  const key = `${prefix}/${files.plan}`;
  if ((await store.get(key)) === null) {
    await store.put(key, `${JSON.stringify(plan, null, 2)}\n`, { ifNoneMatch: '*' });
    await store.put(
      `${prefix}/${files.runbook}`,
      await readText(path.join(directory, files.runbook), 'the runbook').catch(() => ''),
    );
  }
  return objectJournal(store, prefix);
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
  const store = await s3ObjectStore({ bucket, region: clients.region, profile: session.options.profile });
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
