import type { Scenario } from '../../src/sandbox/scenario-schema.js';
import type { Estate } from '../faults/estates.js';

type AccountPart = Scenario['accounts'][string];

const document = (Action: string) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action, Resource: '*' }],
});

const elsewhere: AccountPart['roles'][number] = {
  name: 'elsewhere',
  path: '/',
  description: '',
  trust: {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'pods.eks.amazonaws.com' },
        Action: ['sts:AssumeRole', 'sts:TagSession'],
      },
    ],
  },
  attached: [],
  inline: { own: document('sqs:*') },
  maxSessionSeconds: 3600,
  tags: {},
};

const richAccount = (account: AccountPart, region: string): AccountPart => ({
  ...account,
  oidcProviders: [...account.oidcProviders, { issuer: 'https://issuer.invalid/other', audiences: ['other'], tags: {} }],
  policies: [
    ...account.policies,
    { name: 'of-ours', path: '/team/', description: '', versionId: 'v1', tags: {}, document: document('s3:*') },
  ],
  roles: [
    ...account.roles.map((role, index) =>
      index === 0 ? { ...role, attached: [...role.attached, 'of-ours', 'ReadOnlyAccess'] } : role,
    ),
    elsewhere,
  ],
  neighbours: [
    ...account.neighbours,
    { name: 'another', region, nodegroups: [{ name: 'n', role: 'another-node', instanceTypes: [] }] },
  ],
});

/** The estate with one of everything that a scan looks for, so that no read is left without something to read. */
export const rich = ({ scenario, options }: Estate): Scenario => {
  const { cluster } = scenario;
  const association = {
    namespace: 'quiet',
    serviceAccount: 'other',
    role: 'elsewhere',
    disableSessionTags: false,
    tags: {},
  };
  const roleOf = (name: string): string => `arn:aws:iam::${cluster.account}:role/${name}`;
  return {
    ...scenario,
    cluster: {
      ...cluster,
      // The issuer that a Giant Swarm cluster of that release gets: nobody rolls a control plane here.
      ...(cluster.kind === 'giantswarm'
        ? {
            issuer: `https://s3.${cluster.region}.amazonaws.com/${cluster.account}-g8s-${cluster.name}-oidc-pod-identity`,
          }
        : {}),
      endpointPublicAccess: false,
      fargateProfiles: [{ name: 'quiet', role: roleOf('pods'), selectors: [{ namespace: 'quiet', labels: {} }] }],
      accessEntries: [{ principalArn: roleOf('people'), type: 'STANDARD' }],
      associations: [
        ...cluster.associations,
        // Where the plan makes associations, a foreign one would keep the agent from going again (H3).
        ...(options.target === 'pod-identity' ? [] : [association]),
      ],
    },
    accounts: Object.fromEntries(
      Object.entries(scenario.accounts).map(([id, account]) => [id, richAccount(account, cluster.region)]),
    ),
  };
};
