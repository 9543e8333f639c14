import { operatorLacks, operatorRoleName, operatorStatements, platformFact } from '../giantswarm.js';
import type { Rule } from '../rule.js';

export const operatorLacksPermissions: Rule = {
  code: 'RL311',
  name: 'operator-lacks-permissions',
  severity: 'block',
  acceptable: true,
  says: "Giant Swarm's operator may not make the OIDC provider that IRSA needs: the statements to add are told",
  remedy:
    'Add the statements of the evidence to the permissions of the role GiantSwarmAWSOperator, then scan and plan again.',
  explain: `On a Giant Swarm cluster IRSA is switched on by an annotation of its AWSCluster. Giant Swarm's operator then publishes the cluster's signing keys in a bucket and makes an OIDC provider in the cluster's account, with the role GiantSwarmAWSOperator of that account.

Older installations gave that role fewer permissions. Without the ones that are missing here the operator fails, the control plane is rolled for nothing, and no pod gets a role by IRSA.

The evidence holds the exact statements: \`iam:CreateOpenIDConnectProvider\` and its neighbours on \`*\`, and \`s3:PutObjectAcl\` on the buckets \`*-g8s-*\` (in China with the partition \`aws-cn\`). The role is the owner's to change: Rolelift only looks.

Look for yourself: \`aws iam list-attached-role-policies --role-name GiantSwarmAWSOperator\`, \`aws iam list-role-policies --role-name GiantSwarmAWSOperator\`. Where its policies cannot be read from here, this is a warning: check it by hand, or ask Giant Swarm.`,
  find: ({ estate, proposals }) => {
    const { cluster, roles } = estate.inventory;
    if (cluster.kind !== 'giantswarm' || platformFact(estate, 'rolled') === 'yes') return [];
    const moves = proposals.filter(({ to }) => to?.mechanism === 'irsa').map(({ id }) => id);
    if (moves.length === 0) return [];
    const role = roles.find(({ name, account }) => name === operatorRoleName && account === cluster.accountId);
    const { lacking, known } =
      role === undefined
        ? { lacking: ['its permissions could not be read'], known: false }
        : operatorLacks(estate, role);
    if (lacking.length === 0) return [];
    return [
      {
        subject: { kind: 'Role', account: cluster.accountId, name: operatorRoleName },
        severity: known ? ('block' as const) : ('warn' as const),
        message: known
          ? `${operatorRoleName} may not ${lacking.join(', ')}: switching IRSA on would fail`
          : `whether ${operatorRoleName} may make the OIDC provider is not known: ${lacking.join(', ')}`,
        evidence: { lacking, statements: operatorStatements(cluster.partition), moves },
      },
    ];
  },
};
