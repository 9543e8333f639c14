import { digestOf } from '../model/canonical.js';
import { textOf } from '../model/error.js';
import { type JsonObject, listAt, textAt } from '../model/json.js';
import { kubernetesRef, parseRoleArn } from '../model/resource.js';
import { marks } from '../model/words.js';
import { hasCode } from '../steps/step-errors.js';
import { type Looker, lookingCtx } from './context.js';
import type { Expectation } from './evidence.js';

/** What a probe pod found out about itself. */
export type ProbeAnswer =
  /** AWS knows it under the expected role. */
  | { readonly is: 'used'; readonly caller: string; readonly at: string }
  | { readonly is: 'wrong'; readonly because: string }
  /** Nothing was learnt: it could not be made, or did not run. */
  | { readonly is: 'not-run'; readonly because: string };

/** Milliseconds until a pod that has not ended is given up: an image may have to be pulled. */
const patience = 180_000;

/** Without the metadata address an SDK has nothing to fall back to: what answers is the new identity or nothing. */
const command = 'aws sts get-caller-identity --query Arn --output text > /dev/termination-log 2>&1';

/**
 * The pod of a probe: the service account of the move and none of the labels of its workloads, so that no Service, budget or policy takes
 * it for one of theirs (H12). It ends by itself.
 */
const probePod = (looker: Pick<Looker, 'plan' | 'run'>, expectation: Expectation, image: string): JsonObject => {
  const { namespace, serviceAccount } = expectation;
  const name = `rolelift-probe-${digestOf([looker.run, namespace, serviceAccount]).slice(7, 17)}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: { [marks.managedBy]: marks.managedByValue, 'app.kubernetes.io/name': 'rolelift-probe' },
      annotations: {
        [marks.plan]: looker.plan.id,
        'sidecar.istio.io/inject': 'false',
        'linkerd.io/inject': 'disabled',
      },
    },
    spec: {
      serviceAccountName: serviceAccount,
      automountServiceAccountToken: false,
      restartPolicy: 'Never',
      activeDeadlineSeconds: Math.floor(patience / 1000),
      terminationGracePeriodSeconds: 0,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65534,
        runAsGroup: 65534,
        fsGroup: 65534,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: 'probe',
          image,
          command: ['/bin/sh', '-c', command],
          env: [
            { name: 'HOME', value: '/tmp' },
            { name: 'AWS_EC2_METADATA_DISABLED', value: 'true' },
            { name: 'AWS_PAGER', value: '' },
            { name: 'AWS_STS_REGIONAL_ENDPOINTS', value: 'regional' },
          ],
          resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '256Mi' } },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          terminationMessagePolicy: 'FallbackToLogsOnError',
        },
      ],
    },
  };
};

/**
 * Runs a short-lived pod with the move's service account that asks AWS who it is and tells the answer in its termination message (kubelet
 * documentation, "Customizing the termination message"). The pod is deleted whatever it answers. It proves the account and the way to AWS,
 * not the SDK of the workload's own images.
 */
export const probe = async (looker: Looker, expectation: Expectation, image: string): Promise<ProbeAnswer> => {
  const ctx = lookingCtx(looker);
  const kubernetes = ctx.kubernetes();
  const wanted = probePod(looker, expectation, image);
  const ref = kubernetesRef('v1', 'Pod', expectation.namespace, textAt(wanted, 'metadata', 'name') ?? '');
  let uid: string | null = null;
  try {
    const made = await kubernetes.create(ref, wanted);
    uid = textAt(made, 'metadata', 'uid') ?? null;
    const ended = await ctx.until(`the probe ${ref.namespace}/${ref.name} has not ended yet`, patience, async () => {
      const pod = await kubernetes.get(ref);
      if (pod === null) return {};
      return ['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase') ?? '') ? pod : null;
    });
    return judge(ended, expectation);
  } catch (thrown) {
    const remedy = hasCode(thrown, 'RL703') ? ' (it takes create, get and delete on pods in that namespace)' : '';
    return { is: 'not-run', because: `the probe could not be run: ${textOf(thrown)}${remedy}` };
  } finally {
    if (uid !== null) await kubernetes.remove(ref, uid).catch(() => undefined);
  }
};

const judge = (pod: JsonObject, { caller: expected }: Expectation): ProbeAnswer => {
  const terminated = listAt(pod, 'status', 'containerStatuses').flatMap((status) => {
    const message = textAt(status, 'state', 'terminated', 'message');
    return message === undefined
      ? []
      : [{ message: message.trim(), at: textAt(status, 'state', 'terminated', 'finishedAt') ?? '' }];
  })[0];
  if (terminated === undefined)
    return {
      is: 'not-run',
      because: `the probe ended without an answer${textAt(pod, 'status', 'reason') === undefined ? '' : `: ${textAt(pod, 'status', 'reason')}`}`,
    };
  const caller = /arn:aws[a-z-]*:sts::(\d{12}):assumed-role\/([^/\s]+)\/\S+/.exec(terminated.message);
  if (caller === null) return { is: 'wrong', because: `a probe got no identity: ${terminated.message.slice(0, 300)}` };
  const role = parseRoleArn(expected);
  return role?.account === caller[1] && role?.name === caller[2]
    ? { is: 'used', caller: caller[0], at: terminated.at }
    : { is: 'wrong', because: `a probe got ${caller[0]} instead of ${expected}` };
};
