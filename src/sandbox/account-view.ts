import { canAttachAddresses } from './address-permission.js';
import type { World } from './aws/account.js';
import { effectiveAssociation } from './aws/eks-auth.js';
import { callerFor } from './brokers/estate.js';
import { identityOfPod } from './brokers/pod-identity.js';
import type { AccountView, ClusterView } from './contract.js';
import type { Scenario } from './scenario-schema.js';

/** What the cluster's own parts ask of its account: the webhook, the kubelets, and pods that call STS. */
export const accountView = (
  scenario: Scenario,
  inner: () => { readonly world: World; readonly cluster: ClusterView | null },
): AccountView => ({
  associationFor: (namespace, serviceAccount) => {
    const found = effectiveAssociation(inner().world, namespace, serviceAccount);
    return found === null ? null : { id: found.association.id, roleArn: found.association.role };
  },
  canAttachAddresses: (node) => {
    const { world, cluster } = inner();
    return cluster === null || canAttachAddresses({ world, view: cluster }, node, scenario.cluster.ipFamily);
  },
  callerIdentity: (pod) => {
    const { world, cluster } = inner();
    if (cluster === null) return { error: 'not yet' };
    const [container] = identityOfPod({ world, view: cluster }, pod).containers.slice(-1);
    const role = world.role(container?.role ?? '');
    if (role === undefined) return { error: `Unable to locate credentials. ${container?.error ?? ''}`.trim() };
    return { arn: callerFor({ world, view: cluster }, role, 'botocore-session-0').arn };
  },
});
