import { isObject, type Json, type JsonObject, listAt, objectAt, textAt } from '../../model/json.js';
import { annotationOf, type KubeObject, nameOf, namespaceOf, withAt } from './object.js';
import { selectorTest } from './selectors.js';
import { mixedNumber, type State } from './state.js';
import { ApiError, badRequest } from './status.js';

/** The sandbox's own pod identity webhook, after amazon-eks-pod-identity-webhook `pkg/handler/handler.go` and `pkg/cache/cache.go`. */

export const webhookTable = 'admissionregistration.k8s.io/mutatingwebhookconfigurations';
const webhookObjectName = 'pod-identity-webhook';
const prefix = 'eks.amazonaws.com/';
const day = 86_400;

/** How EKS registers it on a cluster. */
export const webhookConfiguration = (dryRun: boolean): JsonObject => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
  metadata: { name: webhookObjectName },
  webhooks: [
    {
      name: 'iam-for-pods.amazonaws.com',
      admissionReviewVersions: ['v1beta1'],
      clientConfig: { url: 'https://127.0.0.1:23443/mutate' },
      failurePolicy: 'Ignore',
      matchPolicy: 'Equivalent',
      namespaceSelector: {},
      objectSelector: {
        matchExpressions: [{ key: `${prefix}skip-pod-identity-webhook`, operator: 'DoesNotExist' }],
      },
      reinvocationPolicy: 'IfNeeded',
      rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: '*' }],
      sideEffects: dryRun ? 'None' : 'Unknown',
      timeoutSeconds: 10,
    },
  ],
});

/** Remembers a service account's change; the webhook sees it when its lag is over. */
export const noteAccount = (state: State, key: string, account: KubeObject | null): void => {
  const now = state.clock.now();
  const from = now + state.webhook.lagMs;
  const held = state.sightings.get(key) ?? [];
  // What is no longer the newest visible one can be forgotten.
  const visible = held.findLastIndex((sighting) => sighting.from <= now);
  state.sightings.set(key, [...held.slice(Math.max(visible, 0)), { from, account }]);
};
const seenAccount = (state: State, key: string): KubeObject | null => {
  const now = state.clock.now();
  return (state.sightings.get(key) ?? []).findLast((sighting) => sighting.from <= now)?.account ?? null;
};

/** Go's strconv.ParseBool; undefined where it refuses. */
const truth = (text: string | undefined): boolean | undefined => {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text ?? '')) return true;
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text ?? '') ? false : undefined;
};
/** Whole seconds, raised to 600; undefined where it is no number. */
const seconds = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^[+-]?\d+$/.test(text)) return undefined;
  const value = Number(text);
  return Math.abs(value) < 2 ** 63 ? Math.max(value, 600) : undefined;
};
/** First record of a CSV text as Go reads it: names keep their blanks; nothing where the quoting is wrong. */
export const firstRecord = (text: string): readonly string[] => {
  const line = text.replaceAll('\r\n', '\n').replace(/^\n+/, '');
  const names: string[] = [];
  let at = 0;
  for (;;) {
    let name = '';
    if (line[at] === '"') {
      at += 1;
      for (;;) {
        const next = line[at];
        if (next === undefined) return [];
        at += 1;
        if (next !== '"') name += next;
        else if (line[at] === '"') {
          name += '"';
          at += 1;
        } else break;
      }
      if (at < line.length && line[at] !== ',' && line[at] !== '\n') return [];
    } else {
      while (at < line.length && line[at] !== ',' && line[at] !== '\n') name += line[at++];
      if (name.includes('"')) return [];
    }
    names.push(name);
    if (line[at] !== ',') return names;
    at += 1;
  }
};

interface Injection {
  readonly volume: string;
  readonly directory: string;
  readonly file: string;
  readonly audience: string;
  readonly expiration: number;
  readonly regional: boolean;
  readonly label: boolean;
  readonly pair: readonly [name: string, value: string | null][];
}

const injectionFor = (state: State, pod: KubeObject): Injection | null => {
  const namespace = namespaceOf(pod);
  const name = textAt(pod, 'spec', 'serviceAccountName') ?? 'default';
  const account = seenAccount(state, `${namespace}/${name}`);
  const said = (key: string): string | undefined =>
    account === null ? undefined : annotationOf(account, prefix + key);
  const asked =
    seconds(annotationOf(pod, `${prefix}token-expiration`)) ?? seconds(said('token-expiration')) ?? undefined;
  const regional = account === null ? false : (truth(said('sts-regional-endpoints')) ?? state.webhook.regionalSts);
  if (state.account.associationFor(namespace, name) !== null) {
    const wanted = asked ?? state.webhook.tokenExpiration;
    state.serial += 1;
    return {
      volume: 'eks-pod-identity-token',
      directory: '/var/run/secrets/pods.eks.amazonaws.com/serviceaccount',
      file: 'eks-pod-identity-token',
      audience: 'pods.eks.amazonaws.com',
      // The default is spread over the last two hours of its day, so that not all tokens are renewed at once.
      expiration: wanted === day ? 79_200 + (mixedNumber(state.serial) % 7_201) : wanted,
      regional,
      label: true,
      pair: [
        ['AWS_CONTAINER_CREDENTIALS_FULL_URI', state.webhook.agentUri],
        ['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', null],
      ],
    };
  }
  const role = said('role-arn');
  if (role === undefined || role === '') return null;
  return {
    volume: 'aws-iam-token',
    directory: '/var/run/secrets/eks.amazonaws.com/serviceaccount',
    file: 'token',
    audience: said('audience') ?? state.webhook.audience,
    expiration: asked ?? state.webhook.tokenExpiration,
    regional,
    label: false,
    pair: [
      ['AWS_ROLE_ARN', role],
      ['AWS_WEB_IDENTITY_TOKEN_FILE', null],
    ],
  };
};

const mutated = (state: State, pod: KubeObject, injection: Injection): KubeObject => {
  const selector = objectAt(pod, 'spec', 'nodeSelector');
  const windows = ['kubernetes.io/os', 'beta.kubernetes.io/os'].some((key) => selector[key] === 'windows');
  const path = `${injection.directory}/${injection.file}`;
  const tokenFile = windows ? `C:${path.replaceAll('/', '\\')}` : path;
  const skipped = firstRecord(annotationOf(pod, `${prefix}skip-containers`) ?? '');
  const region = state.webhook.injectRegion;
  const changed = (container: Json): Json => {
    if (!isObject(container) || skipped.includes(textAt(container, 'name') ?? '')) return container;
    const env = listAt(container, 'env');
    const has = (name: string): boolean => env.some((variable) => textAt(variable, 'name') === name);
    const ownPair = injection.pair.some(([name]) => has(name));
    const ownRegion = has('AWS_REGION') || has('AWS_DEFAULT_REGION');
    const ownSts = has('AWS_STS_REGIONAL_ENDPOINTS');
    if (ownPair && ownRegion && ownSts) return container;
    const added: JsonObject[] = [];
    if (injection.regional && !ownSts) added.push({ name: 'AWS_STS_REGIONAL_ENDPOINTS', value: 'regional' });
    if (region !== null && !ownRegion) {
      added.push({ name: 'AWS_DEFAULT_REGION', value: region }, { name: 'AWS_REGION', value: region });
    }
    if (!ownPair) for (const [name, value] of injection.pair) added.push({ name, value: value ?? tokenFile });
    const mounts = listAt(container, 'volumeMounts');
    const mounted = mounts.some((mount) => textAt(mount, 'name') === injection.volume);
    return {
      ...container,
      ...(added.length === 0 ? {} : { env: [...env, ...added] }),
      volumeMounts: mounted
        ? mounts
        : [...mounts, { name: injection.volume, readOnly: true, mountPath: injection.directory }],
    };
  };
  const volumes = listAt(pod, 'spec', 'volumes');
  const source = {
    serviceAccountToken: {
      audience: injection.audience,
      expirationSeconds: injection.expiration,
      path: injection.file,
    },
  };
  let out = pod;
  if (injection.label) out = withAt(out, ['metadata', 'labels', `${prefix}pod-identity`], 'enabled');
  if (!volumes.some((volume) => textAt(volume, 'name') === injection.volume)) {
    const volume = { name: injection.volume, projected: { defaultMode: 420, sources: [source] } };
    out = withAt(out, ['spec', 'volumes'], [volume, ...volumes]);
  }
  out = withAt(out, ['spec', 'containers'], listAt(pod, 'spec', 'containers').map(changed));
  const init = listAt(pod, 'spec', 'initContainers');
  return init.length === 0 ? out : withAt(out, ['spec', 'initContainers'], init.map(changed));
};

/**
 * Sends a new pod through the webhook, if one is registered. A failing webhook is passed over in silence, as its failurePolicy
 * says; a dry run is refused where it might have side effects.
 */
export const callWebhook = (state: State, pod: KubeObject, dryRun: boolean): KubeObject => {
  const configuration = state.store.get(webhookTable, webhookObjectName);
  const mode = state.webhook.mode;
  if (configuration === null || mode === 'absent') return pod;
  const webhook = listAt(configuration, 'webhooks')[0];
  const namespace = state.store.get('/namespaces', namespaceOf(pod));
  const labels = objectAt(pod, 'metadata', 'labels');
  if (!selectorTest(objectAt(webhook, 'objectSelector'))(labels)) return pod;
  if (!selectorTest(objectAt(webhook, 'namespaceSelector'))(objectAt(namespace, 'metadata', 'labels'))) return pod;
  const name = textAt(webhook, 'name') ?? '';
  if (dryRun && !['None', 'NoneOnDryRun'].includes(textAt(webhook, 'sideEffects') ?? '')) {
    throw badRequest(`admission webhook "${name}" does not support dry run`);
  }
  if (mode === 'error') {
    if (textAt(webhook, 'failurePolicy') === 'Ignore') return pod;
    throw new ApiError(
      500,
      'InternalError',
      `Internal error occurred: failed calling webhook "${name}": an error on the server has prevented the request from succeeding`,
      { causes: [{ message: `failed calling webhook "${name}"` }] },
    );
  }
  if (mode === 'skip') return pod;
  if (typeof mode === 'object') {
    if (mode.misses > 0) {
      // A dry run asks like any other pod; only which of the servers answers is chance, and that is what misses are.
      state.webhook = { ...state.webhook, mode: mode.misses === 1 ? 'ok' : { misses: mode.misses - 1 } };
      return pod;
    }
  }
  const injection = injectionFor(state, pod);
  return injection === null ? pod : mutated(state, pod, injection);
};

export const accountKey = (account: KubeObject): string => `${namespaceOf(account)}/${nameOf(account)}`;
