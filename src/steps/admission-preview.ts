import { createHash } from 'node:crypto';
import { canonical } from '../model/canonical.js';
import { type Json, type JsonObject, listAt, objectAt, textAt, textsAt } from '../model/json.js';
import { kubernetesRef } from '../model/resource.js';
import { annotationKeys } from '../model/words.js';
import { type IdentityParam, identityParam } from './params.js';
import type { Change, WriteCtx } from './step.js';
import { hasCode } from './step-errors.js';

/** So many answers on fresh connections must agree: EKS runs one webhook per API server, each with its cache (H11). */
const agreeing = 3;
/** The webhook reads its service accounts anew at least every 60 s (--resync-period), an association after several seconds. */
const previewBoundMs = 120_000;

export type Preview =
  | { readonly is: 'agreed'; readonly answers: number }
  | { readonly is: 'not-provable'; readonly because: string }
  | { readonly is: 'disagreed'; readonly reasons: readonly string[] };

/** A pod as the workload's controller would make it, fit for a dry run. */
export const podFromTemplate = (template: JsonObject, namespace: string, account?: string): JsonObject => {
  const spec = objectAt(template, 'spec');
  const volumes = listAt(spec, 'volumes');
  const named = new Set(volumes.map((volume) => textAt(volume, 'name')));
  const mounted = [...listAt(spec, 'initContainers'), ...listAt(spec, 'containers')].flatMap((container) =>
    listAt(container, 'volumeMounts').map((mount) => textAt(mount, 'name')),
  );
  // A StatefulSet's claims become volumes only when its controller makes the pod.
  const claimed = [...new Set(mounted)].filter((name): name is string => name !== undefined && !named.has(name));
  const { nodeName: _nodeName, serviceAccount: _old, ...rest } = spec as Record<string, Json>;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: previewName(template),
      namespace,
      labels: { ...textsAt(template, 'metadata', 'labels') },
      annotations: { ...textsAt(template, 'metadata', 'annotations') },
    },
    spec: {
      ...rest,
      serviceAccountName: account ?? textAt(spec, 'serviceAccountName') ?? 'default',
      volumes: [...volumes, ...claimed.map((name) => ({ name, emptyDir: {} }))],
    },
  };
};
const previewName = (template: JsonObject): string =>
  `rolelift-preview-${createHash('sha256').update(canonical(template)).digest('hex').slice(0, 10)}`;

/** A pod that says nothing but its service account, where no template is at hand; fit for the restricted Pod Security level. */
export const plainPod = (account: string): JsonObject => ({
  metadata: {},
  spec: {
    serviceAccountName: account,
    securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'preview',
        image: 'registry.k8s.io/pause:3.9',
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
});

/** The dry run as a change, so that permissions know of it. */
export const previewChange = (namespace: string): Change => ({
  api: 'kubernetes',
  verb: 'create',
  ref: kubernetesRef('v1', 'Pod', namespace, '*'),
  body: {},
  rollout: false,
  dryRun: true,
});

/**
 * Asks admission what a new pod would get, on fresh connections, until several consecutive answers are as wanted (H11).
 * `wrong` says why an answer is not. Nothing is stored. Where dry runs are refused the answer is `not-provable`, and where
 * the bound is over `disagreed` with the last reasons.
 */
export const preview = async (
  ctx: WriteCtx,
  pod: JsonObject,
  why: string,
  wrong: (admitted: JsonObject) => readonly string[],
  options: { readonly boundMs?: number; readonly cluster?: string } = {},
): Promise<Preview> => {
  const ref = kubernetesRef('v1', 'Pod', textAt(pod, 'metadata', 'namespace'), textAt(pod, 'metadata', 'name') ?? '');
  let last: readonly string[] = [];
  let answers = 0;
  let sure = false;
  try {
    return await ctx.until<Preview>(why, options.boundMs ?? previewBoundMs, async () => {
      for (let agreed = 0; agreed < agreeing; agreed += 1) {
        let admitted: JsonObject;
        try {
          admitted = await ctx.kubernetes(options.cluster).create(ref, pod, { dryRun: true, freshConnection: true });
        } catch (thrown) {
          if (!hasCode(thrown, 'RL734', 'RL703', 'RL731')) throw thrown;
          return { is: 'not-provable', because: thrown.data.cause || thrown.data.message };
        }
        answers += 1;
        last = wrong(admitted);
        if (last.length > 0) {
          sure = staticCause(pod) !== null;
          return sure ? { is: 'disagreed', reasons: last } : null;
        }
      }
      return { is: 'agreed', answers };
    });
  } catch (thrown) {
    if (hasCode(thrown, 'RL811') && last.length > 0) return { is: 'disagreed', reasons: last };
    throw thrown;
  }
};

/** A cause in the template itself, which no waiting heals; null where there is none. */
const staticCause = (pod: unknown): string | null => {
  if (Object.hasOwn(textsAt(pod, 'metadata', 'labels'), annotationKeys.skipWebhookLabel))
    return `the label ${annotationKeys.skipWebhookLabel} keeps the webhook away (RL209)`;
  const variables = [
    'AWS_ROLE_ARN',
    'AWS_WEB_IDENTITY_TOKEN_FILE',
    'AWS_CONTAINER_CREDENTIALS_FULL_URI',
    'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
  ];
  for (const container of [...listAt(pod, 'spec', 'initContainers'), ...listAt(pod, 'spec', 'containers')])
    for (const variable of listAt(container, 'env')) {
      const name = textAt(variable, 'name') ?? '';
      if (variables.includes(name))
        return `container ${textAt(container, 'name')} sets ${name} itself: the webhook leaves the pair out (RL205)`;
    }
  return null;
};

/** Why a pod would not get the identity, in words. */
export const causeOf = (pod: unknown, identity: IdentityParam): string =>
  staticCause(pod) ??
  (identityParam.shape.mechanism.parse(identity.mechanism) === 'irsa'
    ? 'the webhook does not mutate: it is absent or fails open (RL502), or it does not know the annotation yet'
    : 'the association is not effective yet, or the webhook fails open (RL502)');
