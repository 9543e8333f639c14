import { type JsonObject, textAt, textsAt } from '../model/json.js';
import type { ReadClients } from '../model/ports.js';
import { kubernetesRef } from '../model/resource.js';
import type { Gaps } from './gaps.js';
import type { KeptObject } from './objects.js';
import { redacted } from './redact.js';

/** Annotation whose presence, not value, switches IRSA on (Giant Swarm, AWS IAM roles for service accounts). */
const irsaAnnotation = 'alpha.aws.giantswarm.io/iam-roles-for-service-accounts';
export const awsClusterVersions = ['infrastructure.giantswarm.io/v1alpha3', 'infrastructure.giantswarm.io/v1alpha2'];

/** The AWSCluster of a Giant Swarm workload cluster, on its management cluster; facts say what it tells. */
export const readManagementCluster = async (
  clients: ReadClients,
  context: string,
  cluster: string,
  gaps: Gaps,
): Promise<{ readonly objects: readonly KeptObject[]; readonly facts: Readonly<Record<string, string>> }> => {
  const management = clients.kubernetes(context);
  const area = `kubernetes:${context}:awsclusters`;
  const hides = ['whether IRSA is switched on for this cluster'];
  try {
    for (const apiVersion of awsClusterVersions) {
      for await (const object of management.list(apiVersion, 'AWSCluster')) {
        if (textAt(object, 'metadata', 'name') !== cluster) continue;
        return found(object, apiVersion, context, await cloudFront(clients, context, object, cluster));
      }
    }
    gaps.add(area, `no AWSCluster ${cluster} in context ${context}`, hides);
  } catch (thrown) {
    gaps.failed(area, thrown, hides);
  }
  return { objects: [], facts: {} };
};

/** From v18 on the issuer is a CloudFront domain that a ConfigMap names. */
const cloudFront = async (
  clients: ReadClients,
  context: string,
  object: JsonObject,
  cluster: string,
): Promise<string | undefined> => {
  const namespace = textAt(object, 'metadata', 'namespace') ?? 'default';
  const map = await clients
    .kubernetes(context)
    .get(kubernetesRef('v1', 'ConfigMap', namespace, `${cluster}-irsa-cloudfront`))
    .catch(() => null);
  return textAt(map, 'data', 'domain') ?? textAt(map, 'data', 'domainAlias');
};

const found = (object: JsonObject, apiVersion: string, context: string, domain: string | undefined) => {
  const name = textAt(object, 'metadata', 'name') ?? '';
  const namespace = textAt(object, 'metadata', 'namespace');
  const annotations = textsAt(object, 'metadata', 'annotations');
  const release = textsAt(object, 'metadata', 'labels')['release.giantswarm.io/version'];
  return {
    objects: [
      {
        ref: { ...kubernetesRef(apiVersion, 'AWSCluster', namespace, name), cluster: context },
        raw: redacted({ ...object, apiVersion, kind: 'AWSCluster' }),
      },
    ],
    facts: {
      'giantswarm.awscluster': namespace === undefined ? name : `${namespace}/${name}`,
      'giantswarm.irsa': Object.hasOwn(annotations, irsaAnnotation) ? 'on' : 'off',
      ...(release === undefined ? {} : { 'giantswarm.release': release }),
      ...(domain === undefined ? {} : { 'giantswarm.issuer-domain': domain }),
    },
  };
};
