import { roleAllows } from '../identity/broker-assume.js';
import { worldOf } from '../identity/world.js';
import type { Role } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';
import type { Estate } from './rule.js';

/** A fact that the scan noted about a Giant Swarm cluster: `release`, `awscluster`, `irsa` (on, off), `rolled` (yes, no). */
export const platformFact = (estate: Estate, name: string): string | undefined => {
  const { facts } = estate.inventory.cluster;
  const key = `giantswarm.${name}`;
  return Object.hasOwn(facts, key) ? facts[key] : undefined;
};

export const operatorRoleName = 'GiantSwarmAWSOperator';

/** What the operator's role needs beyond its own before IRSA is switched on (Giant Swarm, AWS IAM roles for service accounts). */
const providerActions = [
  'iam:CreateOpenIDConnectProvider',
  'iam:DeleteOpenIDConnectProvider',
  'iam:ListOpenIDConnectProviderTags',
  'iam:TagOpenIDConnectProvider',
  'iam:UntagOpenIDConnectProvider',
];
export const operatorStatements = (partition: string): readonly JsonObject[] => [
  { Effect: 'Allow', Action: providerActions, Resource: '*' },
  {
    Effect: 'Allow',
    Action: ['s3:PutObjectAcl'],
    Resource: `arn:${partition === '' ? 'aws' : partition}:s3:::*-g8s-*`,
  },
];

/** Those of them that a role may not do, and whether that is known: a policy that was not read may allow more. */
export const operatorLacks = (
  estate: Estate,
  role: Role,
): { readonly lacking: readonly string[]; readonly known: boolean } => {
  const { partition } = estate.inventory.cluster;
  const world = worldOf(estate.inventory);
  const asked: readonly (readonly [string, string])[] = [
    ...providerActions.map(
      (action) => [action, `arn:${partition}:iam::${role.account}:oidc-provider/issuer.example.com`] as const,
    ),
    ['s3:PutObjectAcl', `arn:${partition}:s3:::${role.account}-g8s-example-oidc-pod-identity/keys.json`],
  ];
  const verdicts = asked.map(([action, resource]) => [action, roleAllows(role, world, action, resource)] as const);
  return {
    lacking: verdicts.filter(([, verdict]) => verdict !== 'yes').map(([action]) => action),
    known: verdicts.every(([, verdict]) => verdict !== 'unknown'),
  };
};
