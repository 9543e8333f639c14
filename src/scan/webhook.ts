import { byText } from '../model/canonical.js';
import type { Inventory } from '../model/inventory.js';
import { at, isObject, type JsonObject, listAt, textAt } from '../model/json.js';
import { kubernetesRef } from '../model/resource.js';
import { annotationKeys } from '../model/words.js';
import { imageOf, isOn } from './brokers.js';
import { commandLineOf } from './command-line.js';
import type { Gaps } from './gaps.js';
import type { ObjectSource } from './source.js';

export type Webhook = Inventory['webhook'];

const names = new Set(['iam-for-pods.amazonaws.com', 'pod-identity-webhook.amazonaws.com']);

/** Flags of a self-hosted identity webhook, by its container's image or flags; null for any other container. */
export const sightWebhook = (template: JsonObject): Readonly<Record<string, string>> | null => {
  for (const container of listAt(template, 'spec', 'containers')) {
    if (!isObject(container)) continue;
    const { flags } = commandLineOf(container);
    const image = imageOf(textAt(container, 'image') ?? '').name;
    if (
      /pod-identity-webhook$/.test(image) ||
      (Object.hasOwn(flags, 'annotation-prefix') && Object.hasOwn(flags, 'token-audience'))
    )
      return flags;
  }
  return null;
};

/** True for templates of the EKS Pod Identity agent, as an add-on, from its chart, or under another name. */
export const sightAgent = (template: JsonObject): boolean =>
  listAt(template, 'spec', 'containers').some((container) =>
    /^eks-pod-identity-agent/.test(imageOf(textAt(container, 'image') ?? '').name),
  );

/**
 * The webhook that injects credentials (semantics of amazon-eks-pod-identity-webhook, deploy/ and main.go): whether it is there,
 * whether anybody answers, and what it would put in. EKS runs it beside the API server under a URL: that counts as healthy.
 */
export const readWebhook = async (
  source: ObjectSource,
  gaps: Gaps,
  about: { readonly flags: Readonly<Record<string, string>> | null; readonly kind: string; readonly audience: string },
): Promise<Webhook> => {
  const flags = about.flags ?? {};
  let found: { readonly config: JsonObject; readonly webhook: unknown } | null = null;
  for await (const config of source.list('admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration', [
    'whether the identity webhook is there',
  ])) {
    for (const webhook of listAt(config, 'webhooks')) {
      const service = textAt(webhook, 'clientConfig', 'service', 'name') ?? '';
      const ours =
        names.has(textAt(webhook, 'name') ?? '') ||
        textAt(config, 'metadata', 'name') === 'pod-identity-webhook' ||
        /pod-identity-webhook/.test(service);
      if (ours && found === null) found = { config, webhook };
    }
  }
  const unreadable = gaps.list().some(({ area }) => area === 'kubernetes:mutatingwebhookconfigurations');
  const eks = about.kind === 'eks';
  const settings = {
    audience: flags['token-audience'] ?? about.audience,
    prefix: flags['annotation-prefix'] ?? 'eks.amazonaws.com',
    injectsRegion: eks || (flags['aws-default-region'] ?? '') !== '',
    ...(isOn(flags, 'compose-role-arn') ? { composes: true } : {}),
    ...(isOn(flags, 'watch-config-map')
      ? { configured: await readConfigured(source, gaps, flags['namespace'] ?? 'eks') }
      : {}),
  };
  if (found === null) {
    if (!source.live) {
      if (!eks && about.flags === null)
        gaps.add('manifests:webhook', 'no webhook configuration is among the manifests: it is taken to be there', [
          'whether the identity webhook is installed',
        ]);
      return { present: true, healthy: 'unknown', skipLabel: true, allowsDryRun: true, ...settings };
    }
    return unreadable
      ? { present: true, healthy: 'unknown', skipLabel: true, allowsDryRun: true, ...settings }
      : { present: false, healthy: false, skipLabel: false, allowsDryRun: false, ...settings };
  }
  const { webhook } = found;
  const sideEffects = textAt(webhook, 'sideEffects');
  return {
    present: true,
    healthy: await healthOf(source, webhook),
    skipLabel: listAt(webhook, 'objectSelector', 'matchExpressions').some(
      (expression) =>
        textAt(expression, 'key') === annotationKeys.skipWebhookLabel &&
        textAt(expression, 'operator') === 'DoesNotExist',
    ),
    allowsDryRun: sideEffects === undefined || sideEffects === 'None' || sideEffects === 'NoneOnDryRun',
    ...settings,
  };
};

/** ConfigMap `pod-identity-webhook`, whose `config` is a JSON map of service accounts (pkg/cache/cache.go). */
const readConfigured = async (
  source: ObjectSource,
  gaps: Gaps,
  namespace: string,
): Promise<NonNullable<Webhook['configured']>> => {
  const map = await source.get(kubernetesRef('v1', 'ConfigMap', namespace, 'pod-identity-webhook'));
  const text = textAt(map, 'data', 'config');
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (!isObject(value as JsonObject)) {
    gaps.add(`kubernetes:configmaps:${namespace}/pod-identity-webhook`, 'its config is no JSON map', [
      'which service accounts the webhook has roles for',
    ]);
    return {};
  }
  return Object.fromEntries(
    Object.entries(value as JsonObject)
      .filter(([key]) => key.includes('/') && key !== '__proto__')
      .flatMap(([key, entry]) => {
        const role = textAt(entry, 'RoleARN');
        const audience = textAt(entry, 'Audience');
        return role === undefined || role === ''
          ? []
          : [[key, { role, ...(audience === undefined || audience === '' ? {} : { audience }) }] as const];
      })
      .sort(([left], [right]) => byText(left, right)),
  );
};

const healthOf = async (source: ObjectSource, webhook: unknown): Promise<boolean | 'unknown'> => {
  const url = textAt(webhook, 'clientConfig', 'url');
  if (url !== undefined) return true;
  const name = textAt(webhook, 'clientConfig', 'service', 'name');
  const namespace = textAt(webhook, 'clientConfig', 'service', 'namespace');
  if (name === undefined || namespace === undefined) return false;
  if (!source.live) return 'unknown';
  if ((textAt(webhook, 'clientConfig', 'caBundle') ?? '') === '') return false;
  let slices = 0;
  let ready = 0;
  for await (const slice of source.list('discovery.k8s.io/v1', 'EndpointSlice')) {
    if (textAt(slice, 'metadata', 'namespace') !== namespace) continue;
    if (textAt(slice, 'metadata', 'labels', 'kubernetes.io/service-name') !== name) continue;
    slices += 1;
    ready += listAt(slice, 'endpoints').filter((endpoint) => at(endpoint, 'conditions', 'ready') !== false).length;
  }
  if (slices > 0) return ready > 0;
  const endpoints = await source.get(kubernetesRef('v1', 'Endpoints', namespace, name));
  if (endpoints !== null) return listAt(endpoints, 'subsets').some((subset) => listAt(subset, 'addresses').length > 0);
  const service = await source.get(kubernetesRef('v1', 'Service', namespace, name));
  return service === null ? false : 'unknown';
};
