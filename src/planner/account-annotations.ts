import type { Estate } from '../findings/rule.js';

/** Annotations of the service account for IRSA: the role, and regional STS endpoints only where they are not the default. */
export const accountAnnotations = (estate: Estate, role: string): Readonly<Record<string, string>> => {
  const { prefix } = estate.inventory.webhook;
  return {
    [`${prefix}/role-arn`]: role,
    ...(needsRegionalEndpoints(estate) ? { [`${prefix}/sts-regional-endpoints`]: 'true' } : {}),
  };
};

/** First platform versions that know the annotation; from 1.22 on regional is the default (EKS User Guide, associate-service-account-role). */
const knowsRegional: Readonly<Record<string, number>> = { '1.21': 3, '1.20': 3, '1.19': 7, '1.18': 9 };
const needsRegionalEndpoints = (estate: Estate): boolean => {
  const { cluster } = estate.inventory;
  if (cluster.kind !== 'eks') return cluster.closedVpc;
  const minor = /^v?(1\.\d+)/.exec(cluster.kubernetesVersion)?.[1] ?? '';
  const platform = Number(/^eks\.(\d+)$/.exec(cluster.platformVersion ?? '')?.[1] ?? Number.NaN);
  return Object.hasOwn(knowsRegional, minor) && platform >= (knowsRegional[minor] as number);
};
