import type { ClusterNode, PodView } from '../model/inventory.js';
import type { Offer } from './types.js';
import type { World } from './world.js';

/**
 * The node role through the metadata service, as a pod on that node would get it; null where the pod cannot reach it: on
 * Fargate, and with hop limit 1 and IMDSv2 only, unless it uses the node's network (EKS User Guide, AL2023 and launch
 * templates; D.9).
 */
export const nodeRoleOffer = (view: PodView, world: World, node: ClusterNode | null): Offer | null => {
  if (node?.compute === 'fargate') return null;
  if (!view.hostNetwork && node?.hopLimit === 1 && node.imdsTokensRequired === true) return null;
  const role = node ? node.role : soleRole(world);
  // Hop limit 1 with IMDSv2 only is what EKS gives new node groups: unread options are no open door.
  const unread =
    node !== null && !view.hostNetwork && (node.hopLimit === undefined || node.imdsTokensRequired === undefined);
  return {
    source: { kind: 'node-role', node: node?.name ?? null },
    role,
    assumable: role === null || unread ? 'unknown' : 'yes',
    why: view.hostNetwork
      ? "the pod uses the node's network: it reaches the metadata service past any broker"
      : unread
        ? `the metadata options of node ${node.name} were not read: pods may reach its role or not`
        : 'nothing stands between the pod and the metadata service',
    code: null,
  };
};

/** The only node role of the cluster that is in use; null where there are none or several. */
const soleRole = (world: World): string | null => {
  const used = world.inventory.nodeRoles.filter((one) => one.inUse);
  const from = used.length > 0 ? used : world.inventory.nodeRoles;
  return from.length === 1 ? (from[0]?.arn ?? null) : null;
};
