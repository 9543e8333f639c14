import path from 'node:path';
import { s3ObjectStore } from '../clients/s3-object-store.js';
import { writeFileAtomically } from '../journal/atomic-file.js';
import { fold, type JournalState } from '../journal/fold.js';
import { objectJournal } from '../journal/object-store.js';
import type { RunEntry } from '../journal/run-registry.js';
import { RoleliftError } from '../model/error.js';
import type { Plan } from '../model/plan.js';
import { files, hasFile, loadRunState, readText } from './plan-directory.js';
import type { Session } from './session.js';

/** Where the journal of a plan lives: in its directory, or in object storage, there in a folder named by the plan. */
export type JournalPlace =
  | { readonly is: 'local' }
  | { readonly is: 's3'; readonly bucket: string; readonly prefix: string };

/** What `--state` takes. Throws RL609. */
export const parsePlace = (given: string): JournalPlace => {
  if (given === 'local') return { is: 'local' };
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(given);
  if (match === null)
    throw new RoleliftError(
      {
        code: 'RL609',
        message: `${given} is no place for a journal`,
        remedy: 'Give --state local or --state s3://bucket/prefix.',
        fault: 'user',
      },
      { exit: 64 },
    );
  return { is: 's3', bucket: match[1] as string, prefix: (match[2] ?? '').replace(/\/+$/, '') };
};

/** As `--state` takes it. */
const placeText = (place: JournalPlace): string =>
  place.is === 'local' ? 'local' : `s3://${place.bucket}${place.prefix === '' ? '' : `/${place.prefix}`}`;

/** The folder of one plan in object storage. */
export const folderIn = ({ prefix }: JournalPlace & { readonly is: 's3' }, planId: string): string =>
  prefix === '' ? planId : `${prefix}/${planId}`;

/** True where the API server is on this machine: a sandbox, as far as the journal's place goes. */
export const isLoopback = (server: string): boolean =>
  ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(server).hostname);

/** Where the journal of this directory's plan is known to be; null where none was begun from here. */
export const knownPlace = async (directory: string): Promise<JournalPlace | null> => {
  const file = path.join(directory, files.state);
  if (await hasFile(file)) {
    const noted = (await readText(file, 'the note where the journal is')).trim();
    try {
      return parsePlace(noted);
    } catch (thrown) {
      throw new RoleliftError(
        {
          code: 'RL609',
          message: `${file} names no place for a journal`,
          cause: `it holds ${JSON.stringify(noted.slice(0, 200))}`,
          remedy:
            'Write s3://bucket/prefix into it, as rolelift runs tells it; or remove it where the journal is in the directory.',
          fault: 'user',
        },
        { because: thrown, exit: 64 },
      );
    }
  }
  return (await loadRunState(directory)).steps.size > 0 ? { is: 'local' } : null;
};

const elsewhere = (there: string, here: string): RoleliftError =>
  new RoleliftError(
    {
      code: 'RL864',
      message: `the journal of this plan is not at ${here}`,
      cause: `it was begun at ${there}: a second one would not know what to undo`,
      remedy: `Give --state ${there.startsWith('s3://') ? there : 'local'}, or go on where it is; is it lost: rolelift rollback --from-live, or plan again.`,
      fault: 'user',
    },
    { exit: 4 },
  );

/** The place for a run: where the journal is already, else as told; outside a sandbox the first run has to be told (H5). Throws RL609, RL864. */
export const placeFor = async (given: string | undefined, directory: string, server: string): Promise<JournalPlace> => {
  const known = await knownPlace(directory);
  const told = given === undefined ? null : parsePlace(given);
  if (told !== null && known !== null && placeText(told) !== placeText(known))
    throw elsewhere(placeText(known), placeText(told));
  const place = told ?? known ?? (isLoopback(server) ? ({ is: 'local' } as const) : null);
  if (place === null)
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
  return place;
};

/** Notes in the directory where the journal is, so that nobody who comes later has to know. */
export const notePlace = async (directory: string, place: JournalPlace): Promise<void> => {
  if (place.is === 's3') await writeFileAtomically(path.join(directory, files.state), `${placeText(place)}\n`);
};

/**
 * Refuses to begin a journal where the cluster knows of one of this plan at another place (RL864), unless that one was rolled back
 * whole: what it recorded could not be undone from here.
 */
export const checkNotElsewhere = (runs: readonly RunEntry[], plan: Plan, where: string): void => {
  const [last] = runs.filter(({ planId, command }) => planId === plan.id && command !== 'retire-broker');
  if (last === undefined || last.state === where) return;
  if (last.command === 'rollback' && last.exit === 0) return;
  throw elsewhere(last.state.replace(`/${plan.id}`, ''), where.startsWith('s3://') ? where : 'local');
};

/** Opens what `--state` names in object storage. */
export const openStore = (
  session: Session,
  place: JournalPlace & { readonly is: 's3' },
  region: string,
): ReturnType<typeof s3ObjectStore> =>
  s3ObjectStore({ bucket: place.bucket, region, profile: session.options.profile });

/** Where a run stands, read only: from `--state` where it is given, else from where the directory says its journal is. */
export const readRunState = async (
  session: Session,
  plan: Plan,
  directory: string,
  given?: string,
): Promise<JournalState> => {
  const place = given === undefined ? await knownPlace(directory) : parsePlace(given);
  if (place?.is !== 's3') return loadRunState(directory);
  const region =
    session.options.region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? plan.cluster.region;
  const events = await objectJournal(await openStore(session, place, region), folderIn(place, plan.id)).load();
  return fold(events);
};
