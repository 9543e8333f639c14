import path from 'node:path';
import { type JsonObject, listAt, objectAt, textAt } from '../model/json.js';
import { groupOf } from '../model/resource.js';
import type { Gaps } from './gaps.js';
import { areaOf, fileLimits, type ManifestFile, manifestFiles, readManifestText } from './manifest-files.js';
import { notRendered, objectsOf, parseManifest } from './manifest-parse.js';

const clusterScoped = new Set([
  'Namespace',
  'Node',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ClusterSecretStore',
  'ClusterPolicy',
  'GlobalNetworkPolicy',
  'CiliumClusterwideNetworkPolicy',
  'EC2NodeClass',
  'AWSNodeTemplate',
  'PersistentVolume',
  'StorageClass',
  'PriorityClass',
]);

/** Objects that only name what a controller would render. */
const rendered: readonly (readonly [string, string])[] = [
  ['helm.toolkit.fluxcd.io', 'HelmRelease'],
  ['helm.cattle.io', 'HelmChart'],
  ['argoproj.io', 'Application'],
  ['argoproj.io', 'ApplicationSet'],
  ['kustomize.toolkit.fluxcd.io', 'Kustomization'],
];

/** All Kubernetes objects below a directory, as the API server would hold them; what cannot be used is a gap each. */
export const readManifestObjects = async (directory: string, gaps: Gaps): Promise<readonly JsonObject[]> => {
  const files = await manifestFiles(directory, gaps);
  const charts = files
    .filter(({ title }) => path.posix.basename(title) === 'Chart.yaml')
    .map(({ title }) => path.posix.dirname(title));
  for (const chart of charts)
    gaps.add(areaOf(chart === '.' ? 'Chart.yaml' : chart), 'a Helm chart: its templates are not rendered', [
      'what the chart would install',
    ]);
  const found = new Map<string, { readonly object: JsonObject; readonly title: string }>();
  const partial = new Set<string>();
  const budget = { left: fileLimits.total };
  const late: { readonly title: string; readonly object: JsonObject }[] = [];
  for (const file of files) {
    if (charts.some((chart) => insideChart(file.title, chart))) continue;
    for (const object of await objectsIn(file, budget, gaps, partial)) late.push({ title: file.title, object });
  }
  for (const { title, object } of late) {
    if (partial.has(title)) continue;
    const complete = completed(object, title, gaps);
    if (complete === null) continue;
    const key = `${groupOf(textAt(complete, 'apiVersion') ?? '')}/${textAt(complete, 'kind')}/${textAt(complete, 'metadata', 'namespace') ?? ''}/${textAt(complete, 'metadata', 'name')}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, { object: complete, title });
    else
      gaps.add(
        areaOf(title),
        `${textAt(complete, 'kind')} ${textAt(complete, 'metadata', 'name')} stands in ${known.title} too: that one counts`,
        ['which of the two is meant'],
      );
  }
  return [...found.values()].map(({ object }) => object);
};

const insideChart = (title: string, chart: string): boolean => {
  const prefix = chart === '.' ? '' : `${chart}/`;
  return (
    title.startsWith(`${prefix}templates/`) ||
    /^(?:Chart|values[^/]*)\.ya?ml$/.test(title.startsWith(prefix) ? title.slice(prefix.length) : '')
  );
};

const objectsIn = async (
  file: ManifestFile,
  budget: { left: number },
  gaps: Gaps,
  partial: Set<string>,
): Promise<readonly JsonObject[]> => {
  const text = await readManifestText(file, budget, gaps);
  if (text === null) return [];
  const found: JsonObject[] = [];
  for (const parsed of parseManifest(text, file.json)) {
    if (parsed.is === 'problem') {
      const where = parsed.line > 1 ? `${areaOf(file.title)}:${parsed.line}` : areaOf(file.title);
      gaps.add(where, parsed.reason, ['what this document declares']);
      continue;
    }
    for (const object of objectsOf(parsed.value)) {
      const group = groupOf(textAt(object, 'apiVersion') ?? '');
      const kind = textAt(object, 'kind') ?? '';
      // Never held, not even in passing (H26).
      if (group === '' && kind === 'Secret') continue;
      if (group === 'kustomize.config.k8s.io') noteKustomization(file.title, object, gaps, partial);
      else if (rendered.some(([home, name]) => home === group && name === kind))
        gaps.add(
          areaOf(file.title),
          `${kind} ${textAt(object, 'metadata', 'name') ?? ''}: what it renders is not seen`,
          ['the workloads that it installs'],
        );
      else found.push(object);
    }
  }
  const base = path.posix.basename(file.title);
  if (/^kustomization\.ya?ml$/i.test(base) && !gaps.list().some((gap) => gap.area === areaOf(file.title)))
    for (const parsed of parseManifest(text, false))
      if (parsed.is === 'document')
        noteKustomization(file.title, objectAt({ value: parsed.value }, 'value'), gaps, partial);
  return found;
};

/** What Kustomize would change is not applied; files that are only patches are no objects of their own. */
const noteKustomization = (title: string, object: JsonObject, gaps: Gaps, partial: Set<string>): void => {
  const home = path.posix.dirname(title);
  const patches = [
    ...listAt(object, 'patchesStrategicMerge'),
    ...listAt(object, 'patches').map((patch) => textAt(patch, 'path') ?? ''),
    ...listAt(object, 'patchesJson6902').map((patch) => textAt(patch, 'path') ?? ''),
  ].filter((file): file is string => typeof file === 'string' && /^[^\n]+\.(?:ya?ml|json)$/i.test(file));
  for (const file of patches) partial.add(path.posix.normalize(path.posix.join(home, file)));
  const changes = Object.keys(object).filter(
    (key) => !['apiVersion', 'kind', 'metadata', 'resources', 'bases'].includes(key),
  );
  const remote = listAt(object, 'resources').filter(
    (entry) => typeof entry === 'string' && /^(?:https?:|git@|github\.com)/.test(entry),
  );
  if (changes.length > 0 || remote.length > 0)
    gaps.add(
      areaOf(title),
      `Kustomize is not run: ${[...changes, ...(remote.length > 0 ? ['remote resources'] : [])].sort().join(', ')}`,
      ['what Kustomize would change or add'],
    );
};

/** With the name and the namespace that the API server would give it; null (and a gap) where it has none that can be used. */
const completed = (object: JsonObject, title: string, gaps: Gaps): JsonObject | null => {
  const kind = textAt(object, 'kind') ?? '';
  const generated = textAt(object, 'metadata', 'generateName');
  const name = textAt(object, 'metadata', 'name') ?? generated?.replace(/-$/, '');
  const namespace = textAt(object, 'metadata', 'namespace');
  if (name === undefined || name === '') {
    gaps.add(areaOf(title), `a ${kind.slice(0, 100)} without a name`, ['what it declares']);
    return null;
  }
  const shown = JSON.stringify([
    objectAt(object, 'metadata', 'annotations'),
    objectAt(object, 'spec', 'template', 'metadata'),
    textAt(object, 'spec', 'template', 'spec', 'serviceAccountName') ?? '',
  ]);
  if (/\{\{|\$\{/.test(`${name}${namespace ?? ''}`) || /\{\{-?\s*(?:\.|include\b|tpl\b)/.test(shown)) {
    gaps.add(areaOf(title), notRendered, ['what this document declares']);
    return null;
  }
  if (/[\u0000-\u001f\u007f-\u009f]/.test(`${kind}${name}${namespace ?? ''}`) || name.length > 253) {
    gaps.add(areaOf(title), `a ${kind.replace(/[^\w]/g, '?').slice(0, 100)} whose name no API server would take`, [
      'what it declares',
    ]);
    return null;
  }
  const scoped = clusterScoped.has(kind) || namespace !== undefined;
  if (!scoped) gaps.add(areaOf(title), 'objects without a namespace are taken to be in `default`', ['their namespace']);
  return {
    ...object,
    metadata: {
      ...objectAt(object, 'metadata'),
      name,
      ...(clusterScoped.has(kind) ? {} : { namespace: namespace ?? 'default' }),
    },
  };
};
