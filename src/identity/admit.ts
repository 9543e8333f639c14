import type { ContainerView, PodView } from '../model/inventory.js';
import { annotationKeys } from '../model/words.js';
import { podIdentityVolume } from './pod-identity.js';
import type { World } from './world.js';

const own = (map: Readonly<Record<string, string>>, key: string): string | undefined =>
  Object.hasOwn(map, key) ? map[key] : undefined;

/** The two ways in which the webhook injects (amazon-eks-pod-identity-webhook pkg/handler/handler.go). */
interface Injection {
  readonly pair: readonly (readonly [string, string])[];
  readonly volume: string;
  readonly mountPath: string;
  readonly file: string;
  readonly audience: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly regionalSts: boolean;
}

const irsaMount = '/var/run/secrets/eks.amazonaws.com/serviceaccount';
const podIdentityMount = '/var/run/secrets/pods.eks.amazonaws.com/serviceaccount';

/** Go's strconv.ParseBool; null where it would be an error, and the annotation is then ignored. */
const goBool = (text: string | undefined): boolean | null =>
  text === undefined
    ? null
    : ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)
      ? true
      : ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)
        ? false
        : null;

/**
 * First record of a CSV as Go's encoding/csv reads it; names are not trimmed. Null where it is no CSV, and nothing is skipped.
 */
export const csvRecord = (text: string): readonly string[] | null => {
  const fields: string[] = [];
  let index = 0;
  while (index < text.length && (text[index] === '\n' || text.startsWith('\r\n', index)))
    index += text[index] === '\n' ? 1 : 2;
  if (index >= text.length) return null;
  for (;;) {
    let field = '';
    if (text[index] === '"') {
      index += 1;
      for (;;) {
        if (index >= text.length) return null;
        if (text[index] !== '"') {
          field += text[index];
          index += 1;
        } else if (text[index + 1] === '"') {
          field += '"';
          index += 2;
        } else {
          index += 1;
          break;
        }
      }
      if (index < text.length && text[index] !== ',' && text[index] !== '\n' && !text.startsWith('\r\n', index))
        return null;
    } else {
      while (index < text.length && text[index] !== ',' && text[index] !== '\n') {
        if (text[index] === '"') return null;
        field += text[index];
        index += 1;
      }
      if (field.endsWith('\r')) field = field.slice(0, -1);
    }
    fields.push(field);
    if (text[index] !== ',') return fields;
    index += 1;
  }
};

/** Why the webhook will leave a pod as it is (RL209, RL502); null where it will look at it. */
export const webhookPassesBy = (view: PodView, world: World): string | null => {
  const { webhook } = world.inventory;
  if (!webhook.present) return 'there is no webhook';
  if (webhook.healthy === false) return 'the webhook does not answer, and failurePolicy is Ignore';
  if (webhook.skipLabel && Object.hasOwn(view.labels, annotationKeys.skipWebhookLabel))
    return `the label ${annotationKeys.skipWebhookLabel} keeps it out`;
  const injection = injectionFor(view, world);
  const squatter = view.volumes.find((one) => one.name === injection?.volume);
  // Newer webhooks then leave the pod alone, older ones mount the wrong token: it works with neither.
  if (injection && squatter && !squatter.tokens.some((one) => one.audience === injection.audience))
    return `a volume of its own has the name ${injection.volume}`;
  return null;
};

const injectionFor = (view: PodView, world: World): Injection | null => {
  const { webhook, cluster } = world.inventory;
  const prefix = webhook.prefix || 'eks.amazonaws.com';
  const found = world.serviceAccount(view.namespace, view.serviceAccount);
  const annotations = found && found.exists !== false ? found.annotations : {};
  // Where EKS runs the webhook, regional STS is on unless the account says otherwise, as the region is injected there.
  const regionalSts = goBool(own(annotations, `${prefix}/sts-regional-endpoints`)) ?? webhook.injectsRegion;
  if (world.association(view.namespace, view.serviceAccount))
    return {
      pair: [
        [
          'AWS_CONTAINER_CREDENTIALS_FULL_URI',
          cluster.ipFamily === 'ipv6' ? 'http://[fd00:ec2::23]/v1/credentials' : 'http://169.254.170.23/v1/credentials',
        ],
        ['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', `${podIdentityMount}/eks-pod-identity-token`],
      ],
      volume: podIdentityVolume,
      mountPath: podIdentityMount,
      file: 'eks-pod-identity-token',
      audience: 'pods.eks.amazonaws.com',
      labels: { [annotationKeys.podIdentityLabel]: 'enabled' },
      regionalSts,
    };
  const annotated = own(annotations, `${prefix}/role-arn`) || '';
  // A non-empty annotation wins, and then nothing of the entry counts.
  const listed = annotated === '' ? configuredFor(view, world) : null;
  const asked = annotated || listed?.role || '';
  if (asked === '') return null;
  const role =
    webhook.composes === true && !asked.includes('arn:')
      ? `arn:${cluster.partition}:iam::${cluster.accountId}:role/${asked}`
      : asked;
  return {
    pair: [
      ['AWS_ROLE_ARN', role],
      ['AWS_WEB_IDENTITY_TOKEN_FILE', `${irsaMount}/token`],
    ],
    volume: 'aws-iam-token',
    mountPath: irsaMount,
    file: 'token',
    audience: own(annotations, `${prefix}/audience`) || listed?.audience || webhook.audience || 'sts.amazonaws.com',
    labels: {},
    regionalSts,
  };
};

/** The entry of a self-hosted webhook's ConfigMap: the account's own, else the one for its name in every namespace. */
const configuredFor = (
  view: PodView,
  world: World,
): { readonly role: string; readonly audience?: string | undefined } | null => {
  const entries = world.inventory.webhook.configured;
  if (entries === undefined) return null;
  const key = [`${view.namespace}/${view.serviceAccount}`, `*/${view.serviceAccount}`].find((one) =>
    Object.hasOwn(entries, one),
  );
  return key === undefined ? null : (entries[key] ?? null);
};

const isWindows = (view: PodView): boolean =>
  own(view.nodeSelector, 'kubernetes.io/os') === 'windows' ||
  own(view.nodeSelector, 'beta.kubernetes.io/os') === 'windows';

const windowsPath = (path: string): string => `C:${path.replaceAll('/', '\\')}`;

/**
 * The pod as the webhook would make it, were it created now (amazon-eks-pod-identity-webhook; C.1 to C.4): an association
 * before the annotation, never both; per container only what is not set yet. The argument itself where it is left alone.
 */
export const admit = (view: PodView, world: World): PodView => {
  if (webhookPassesBy(view, world) !== null) return view;
  const injection = injectionFor(view, world);
  if (!injection) return view;
  const { webhook, cluster } = world.inventory;
  const prefix = webhook.prefix || 'eks.amazonaws.com';
  const skipText = own(view.annotations, `${prefix}/skip-containers`);
  const skipped = new Set(skipText === undefined ? [] : (csvRecord(skipText) ?? []));
  const region = webhook.injectsRegion && cluster.region !== '' ? cluster.region : null;
  const windows = isWindows(view);
  const containers = view.containers.map((container) =>
    skipped.has(container.name) ? container : injected(container, injection, region, windows),
  );
  const volumes = view.volumes.some((one) => one.name === injection.volume)
    ? view.volumes
    : [...view.volumes, { name: injection.volume, tokens: [{ audience: injection.audience, path: injection.file }] }];
  return { ...view, labels: { ...view.labels, ...injection.labels }, containers, volumes };
};

const regionKeys: readonly string[] = ['AWS_DEFAULT_REGION', 'AWS_REGION'];
const stsKey = 'AWS_STS_REGIONAL_ENDPOINTS';

const injected = (
  container: ContainerView,
  injection: Injection,
  region: string | null,
  windows: boolean,
): ContainerView => {
  // Only `env` counts, with values given in any way; `envFrom` is not looked at.
  const set = new Set([...container.env, ...container.envFromRef.map((one) => one.variable)]);
  const hasPair = injection.pair.some(([name]) => set.has(name));
  const hasRegion = regionKeys.some((name) => set.has(name));
  const hasSts = set.has(stsKey);
  if (hasPair && hasRegion && hasSts) return container;
  const added: [string, string][] = [];
  if (injection.regionalSts && !hasSts) added.push([stsKey, 'regional']);
  if (region !== null && !hasRegion) for (const name of regionKeys) added.push([name, region]);
  if (!hasPair)
    for (const [name, text] of injection.pair)
      added.push([name, windows && text.startsWith('/') ? windowsPath(text) : text]);
  const mounts = container.mounts.some((one) => one.volume === injection.volume)
    ? container.mounts
    : [...container.mounts, { volume: injection.volume, path: injection.mountPath }];
  return {
    ...container,
    env: [...container.env, ...added.map(([name]) => name)],
    identityEnv: { ...container.identityEnv, ...Object.fromEntries(added) },
    mounts,
  };
};
