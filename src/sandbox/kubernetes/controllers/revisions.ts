import { type JsonObject, numberAt, objectAt, textAt } from '../../../model/json.js';
import { controllerReference, type KubeObject, nameOf, namespaceOf, objectKey, same } from '../object.js';
import type { State } from '../state.js';
import { controllerContext, createObject } from '../writes.js';
import { kindAt, templateHash } from './shared.js';

/** ControllerRevisions: the templates that a StatefulSet or DaemonSet had (`pkg/controller/history`). */

const table = 'apps/controllerrevisions';
const hashLabel = 'controller-revision-hash';

export interface Revision {
  readonly name: string;
  /** What pods of a DaemonSet carry; those of a StatefulSet carry the name. */
  readonly hash: string;
  readonly number: number;
  readonly template: JsonObject;
}
const read = (object: KubeObject): Revision => {
  const { $patch: _, ...template } = objectAt(object, 'data', 'spec', 'template');
  return {
    name: nameOf(object),
    hash: textAt(object, 'metadata', 'labels', hashLabel) ?? '',
    number: numberAt(object, 'revision') ?? 0,
    template,
  };
};
export const revisions = (state: State, owner: KubeObject): readonly Revision[] =>
  state.store.ownedBy(table, textAt(owner, 'metadata', 'uid') ?? '').map(read);

/** The revision of this template; made, or made the newest, where it has to be. */
export const revisionOf = (state: State, owner: KubeObject, template: JsonObject): Revision => {
  const all = revisions(state, owner);
  const highest = Math.max(0, ...all.map((revision) => revision.number));
  const found = all.find((revision) => same(revision.template, template));
  if (found !== undefined) {
    if (found.number === highest) return found;
    const held = state.store.get(table, `${namespaceOf(owner)}/${found.name}`);
    if (held !== null) state.store.put(table, { ...held, revision: highest + 1 });
    return { ...found, number: highest + 1 };
  }
  const hash = templateHash(template);
  const made = createObject(
    state,
    kindAt(state, table),
    {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: {
        name: `${nameOf(owner)}-${hash}`,
        namespace: namespaceOf(owner),
        labels: { ...objectAt(template, 'metadata', 'labels'), [hashLabel]: hash },
        ownerReferences: [controllerReference(owner)],
      },
      data: { spec: { template: { ...template, $patch: 'replace' } } },
      revision: highest + 1,
    },
    controllerContext,
  );
  return read(made);
};
/** Removes the oldest revisions that nothing uses, past the owner's limit. */
export const trimRevisions = (state: State, owner: KubeObject, used: readonly string[]): void => {
  const limit = numberAt(owner, 'spec', 'revisionHistoryLimit') ?? 10;
  const idle = revisions(state, owner)
    .filter((revision) => !used.includes(revision.name) && !used.includes(revision.hash))
    .sort((left, right) => left.number - right.number);
  for (const { name } of idle.slice(0, Math.max(idle.length - limit, 0))) {
    state.store.remove(table, objectKey({ metadata: { namespace: namespaceOf(owner), name } }));
  }
};
