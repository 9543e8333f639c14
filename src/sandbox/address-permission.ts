import { textAt } from '../model/json.js';
import { contextOf, roleMay } from './aws/caller.js';
import { callerFor, type Estate } from './brokers/estate.js';
import { identityOfPod } from './brokers/pod-identity.js';

const cniActions = {
  ipv4: ['ec2:CreateNetworkInterface', 'ec2:AttachNetworkInterface', 'ec2:AssignPrivateIpAddresses'],
  ipv6: ['ec2:AssignIpv6Addresses'],
} as const;

/** Whether the CNI's daemon on a node may do what giving out addresses takes, with the role that it has there. No daemon: not its business. */
export const canAttachAddresses = (estate: Estate, node: string, family: 'ipv4' | 'ipv6'): boolean => {
  const daemon = estate.view
    .list('v1', 'Pod', 'kube-system')
    .find(
      (pod) => textAt(pod, 'metadata', 'labels', 'k8s-app') === 'aws-node' && textAt(pod, 'spec', 'nodeName') === node,
    );
  if (daemon === undefined) return true;
  const identity = identityOfPod(estate, daemon);
  const arn = identity.containers.find((each) => each.container === 'aws-node')?.role ?? identity.role;
  const role = arn === null ? undefined : estate.world.role(arn);
  if (role === undefined) return false;
  const context = contextOf(callerFor(estate, role, 'aws-node'));
  return cniActions[family].every((action) => roleMay(estate.world, role, action, '*', context) === 'allow');
};
