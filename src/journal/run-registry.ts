import { z } from 'zod';
import { byText } from '../model/canonical.js';
import { RoleliftError } from '../model/error.js';
import type { JsonObject } from '../model/json.js';
import { textsAt } from '../model/json.js';
import type { KubernetesReader, KubernetesWriter } from '../model/ports.js';
import { kubernetesRef } from '../model/resource.js';
import { marks } from '../model/words.js';

export const runEntrySchema = z.object({
  run: z.string(),
  command: z.string(),
  planId: z.string(),
  plan: z.string(),
  /** `s3://bucket/prefix`, or `local:<host>:<directory>`. */
  state: z.string(),
  holder: z.string(),
  tool: z.string(),
  startedAt: z.string(),
  /** Null while it runs, and for ever where it was killed. */
  endedAt: z.string().nullable(),
  exit: z.number().int().nullable(),
});
/** What a cluster knows of a run (H5), so that whoever is on call finds it without the laptop it ran on. */
export type RunEntry = Readonly<z.infer<typeof runEntrySchema>>;

export const runsConfigMap = 'rolelift-runs';
/** Entries that are kept; a ConfigMap holds 1 MiB (Kubernetes documentation, ConfigMaps). */
const most = 200;
const tries = 8;

const refOf = (namespace: string) => kubernetesRef('v1', 'ConfigMap', namespace, runsConfigMap);
/** Keys of a ConfigMap: letters, digits, `-`, `_`, `.`. */
const keyOf = (run: string): string => run.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 200);

const entriesOf = (object: JsonObject | null): ReadonlyMap<string, RunEntry> => {
  const found = new Map<string, RunEntry>();
  for (const [key, text] of Object.entries(textsAt(object, 'data'))) {
    try {
      found.set(key, runEntrySchema.parse(JSON.parse(text)));
    } catch {
      // Written by another hand or another version: neither ours to judge nor to delete.
    }
  }
  return found;
};

/** The runs that this cluster knows of, newest first; what cannot be understood is left out. */
export const listRuns = async (kubernetes: KubernetesReader, namespace: string): Promise<readonly RunEntry[]> =>
  [...entriesOf(await kubernetes.get(refOf(namespace))).values()].sort((left, right) =>
    byText(right.startedAt, left.startedAt),
  );

/**
 * Writes a run's entry, at its beginning and at its end; the oldest ended entries make room. Rejects with RL816 where others write
 * at the same moment again and again, else with the client's own errors.
 */
export const recordRun = async (kubernetes: KubernetesWriter, namespace: string, entry: RunEntry): Promise<void> => {
  const ref = refOf(namespace);
  const data = { [keyOf(entry.run)]: JSON.stringify(entry) };
  for (let round = 0; round < tries; round += 1) {
    try {
      const found = await kubernetes.get(ref);
      if (found === null) {
        const metadata = { namespace, name: runsConfigMap, labels: { [marks.managedBy]: marks.managedByValue } };
        await kubernetes.create(ref, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
        return;
      }
      const ended = [...entriesOf(found)]
        .filter(([, known]) => known.endedAt !== null)
        .sort(([, left], [, right]) => byText(left.startedAt, right.startedAt));
      const surplus = entriesOf(found).size + 1 - most;
      const dropped = Object.fromEntries(ended.slice(0, Math.max(0, surplus)).map(([key]) => [key, null]));
      const version = (found.metadata as JsonObject | undefined)?.resourceVersion;
      await kubernetes.mergePatch(ref, { data: { ...dropped, ...data } }, typeof version === 'string' ? version : '');
      return;
    } catch (error) {
      const code = error instanceof RoleliftError ? error.data.code : '';
      if (!['RL731', 'RL732', 'RL733'].includes(code)) throw error;
    }
  }
  throw new RoleliftError({
    code: 'RL816',
    message: `the list of runs (ConfigMap ${namespace}/${runsConfigMap}) could not be written`,
    cause: `others wrote it at the same moment, ${tries} times`,
    remedy: 'Run the same command again.',
    fault: 'remote',
  });
};
