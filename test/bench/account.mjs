/** A scanned estate together with the account that the server of the bench does not have: five hundred roles behind kiam. */

const account = '111122223333';
const arn = (name) => `arn:aws:iam::${account}:role/${name}`;
const trust = (principal) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole' }],
  });
const policy = (action, resource) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: action, Resource: resource }] });
const role = (name, principal, inline) => ({
  arn: arn(name),
  name,
  account,
  path: '/',
  roleId: `AROA${name.toUpperCase()}`,
  trust: trust(principal),
  attached: [],
  inline,
  maxSessionSeconds: 3600,
  description: '',
  tags: {},
});
export const inventoryWithAccount = (scanned) => ({
  ...scanned,
  cluster: {
    ...scanned.cluster,
    kind: 'eks',
    name: 'bench',
    arn: `arn:aws:eks:eu-west-1:${account}:cluster/bench`,
    accountId: account,
    platformVersion: 'eks.12',
    oidcIssuers: ['https://oidc.eks.eu-west-1.amazonaws.com/id/BENCH'],
  },
  webhook: { ...scanned.webhook, present: true, healthy: true, audience: 'sts.amazonaws.com' },
  brokers: scanned.brokers.map((install) => ({
    ...install,
    nodes: scanned.nodes.map((node) => node.name),
    assumer: install.component === 'agent' ? null : arn('kiam-server'),
    baseArn: install.component === 'agent' ? null : `arn:aws:iam::${account}:role/`,
  })),
  nodes: scanned.nodes.map((node) => ({ ...node, role: arn('nodes'), hopLimit: 1, imdsTokensRequired: true })),
  nodeRoles: [{ arn: arn('nodes'), sources: [], inUse: true, sharedWith: [], sharingKnown: true }],
  roles: [
    role('kiam-server', { AWS: arn('nodes') }, { assume: policy('sts:AssumeRole', '*') }),
    role('nodes', { Service: 'ec2.amazonaws.com' }, { assume: policy('sts:AssumeRole', arn('kiam-server')) }),
    ...Array.from({ length: 500 }, (_, at) =>
      role(`app-${at}`, { AWS: arn('kiam-server') }, { own: policy('s3:GetObject', `arn:aws:s3:::app-${at}/*`) }),
    ),
  ],
  accounts: [{ id: account, quotas: { AssumeRolePolicySizeQuota: 8192 }, credentials: 'default' }],
  gaps: [],
});
