import type { JournalEvent } from '../model/journal.js';
import { textAt } from '../model/json.js';
import type { Step } from '../model/plan.js';
import type { RefKey } from '../model/resource.js';

/** Stands last where the present document is not known: what an undo made of it is in no line of the journal. */
export const unknownDocument = '';

interface Versions {
  /** What undos left behind, oldest first: nothing brings it back but the steps themselves. */
  left: string[];
  /** What our steps saw and wrote, oldest first. An undo may bring back any of them. */
  since: string[];
  /** Steps whose undo was begun, with the document that was the present one by then. */
  readonly undoing: Map<string, string | null>;
}

/**
 * Documents of shared resources that a plan's steps saw and wrote, oldest first and the present one last: what tells a stale read
 * (H20). An undo brings older documents back, so that from its first line on none of them counts as stale any more; what it
 * took away does once it is over.
 */
export const knownDocuments = (
  events: Iterable<JournalEvent>,
  steps: ReadonlyMap<string, Step>,
  locksOf: (step: Step) => readonly RefKey[],
): Map<RefKey, string[]> => {
  const found = new Map<RefKey, Versions>();
  const versionsOf = (key: RefKey): Versions => {
    const versions = found.get(key) ?? { left: [], since: [], undoing: new Map() };
    found.set(key, versions);
    return versions;
  };
  for (const event of events) {
    const step = 'step' in event ? steps.get(event.step) : undefined;
    if (step === undefined) continue;
    for (const key of locksOf(step)) {
      switch (event.type) {
        case 'started':
        case 'applied': {
          const text =
            event.type === 'started' ? textAt(event.preimage, 'document', 'value') : textAt(event.output, 'document');
          if (text === undefined) break;
          const versions = versionsOf(key);
          // What was taken away once may be what this step writes.
          versions.left = [];
          if (versions.since.at(-1) !== text) versions.since.push(text);
          break;
        }
        case 'undo-started': {
          const versions = found.get(key);
          if (versions === undefined) break;
          const present = versions.since.at(-1) ?? null;
          if (!versions.undoing.has(event.step)) versions.undoing.set(event.step, present);
          versions.since = [];
          break;
        }
        case 'undone': {
          const versions = found.get(key);
          const away = versions?.undoing.get(event.step) ?? null;
          versions?.undoing.delete(event.step);
          if (away !== null && (event.how === 'exact' || event.how === 'surgical')) versions?.left.push(away);
          break;
        }
      }
    }
  }
  return new Map(
    [...found]
      .map(([key, { left, since }]): [RefKey, string[]] => [
        key,
        since.length > 0 ? [...left, ...since] : left.length > 0 ? [...left, unknownDocument] : [],
      ])
      .filter(([, versions]) => versions.length > 0),
  );
};
