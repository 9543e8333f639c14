import { type JsonObject, textAt } from '../../model/json.js';
import {
  arnIn,
  badRequest,
  clusterOf,
  type EksCall,
  type EksOperation,
  eksMay,
  eksPage,
  notFound,
} from './eks-call.js';
import type { EksCluster } from './records.js';

/** EKS's reads of clusters and what belongs to them (EKS API Reference). */

const named =
  (
    list: (cluster: EksCluster) => readonly JsonObject[],
    field: string,
    action: string,
    answer: string,
    what: string,
  ): EksOperation =>
  (call) => {
    const name = call.path[1] ?? '';
    const cluster = clusterOf(call, action, (owner) => arnIn(call, answer.toLowerCase(), `${owner}/${name}/*`));
    const found = list(cluster).find((each) => textAt(each, field) === name);
    if (!found) throw notFound(`No ${what} found for name: ${name}.`);
    return { [answer]: found };
  };

const listed =
  (list: (cluster: EksCluster) => readonly JsonObject[], field: string, action: string, answer: string): EksOperation =>
  (call) => {
    const names = list(clusterOf(call, action)).map((each) => textAt(each, field) ?? '');
    const { items, next } = eksPage(call, names.sort());
    return { [answer]: items, ...next };
  };

/** Access entries exist only where the cluster's authentication mode knows them. */
const entries = (call: EksCall, action: string, resource?: (cluster: string) => string): readonly JsonObject[] => {
  const cluster = clusterOf(call, action, resource);
  if (textAt(cluster.description, 'accessConfig', 'authenticationMode') === 'CONFIG_MAP')
    throw badRequest(
      "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
    );
  return cluster.accessEntries;
};

export const clusterOperations = {
  ListClusters: ((call) => {
    eksMay(call, 'eks:ListClusters', '*');
    const names = call.account.clusters.values(call.lag).filter((each) => each.region === call.region);
    const { items, next } = eksPage(
      call,
      names.map((each) => each.name),
    );
    return { clusters: items, ...next };
  }) as EksOperation,
  DescribeCluster: ((call) => ({ cluster: clusterOf(call, 'eks:DescribeCluster').description })) as EksOperation,
  ListNodegroups: listed((cluster) => cluster.nodegroups, 'nodegroupName', 'eks:ListNodegroups', 'nodegroups'),
  DescribeNodegroup: named(
    (cluster) => cluster.nodegroups,
    'nodegroupName',
    'eks:DescribeNodegroup',
    'nodegroup',
    'node group',
  ),
  ListFargateProfiles: listed(
    (cluster) => cluster.fargateProfiles,
    'fargateProfileName',
    'eks:ListFargateProfiles',
    'fargateProfileNames',
  ),
  DescribeFargateProfile: named(
    (cluster) => cluster.fargateProfiles,
    'fargateProfileName',
    'eks:DescribeFargateProfile',
    'fargateProfile',
    'Fargate Profile',
  ),
  ListAccessEntries: ((call) => {
    const { items, next } = eksPage(
      call,
      entries(call, 'eks:ListAccessEntries').map((each) => textAt(each, 'principalArn') ?? ''),
    );
    return { accessEntries: items, ...next };
  }) as EksOperation,
  DescribeAccessEntry: ((call) => {
    const principal = call.path[1] ?? '';
    const arn = (owner: string): string =>
      arnIn(call, 'access-entry', `${owner}/role/${principal.split(':')[4] ?? ''}/${principal.split('/').at(-1)}/*`);
    const found = entries(call, 'eks:DescribeAccessEntry', arn).find(
      (each) => textAt(each, 'principalArn') === principal,
    );
    if (!found)
      throw notFound(
        `The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.`,
      );
    return { accessEntry: found };
  }) as EksOperation,
} as const;
