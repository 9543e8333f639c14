import { at, textsAt } from '../model/json.js';
import { parseRoleArn, serviceAccountRef, subjectText } from '../model/resource.js';
import { annotationKeys } from '../model/words.js';
import { parseTrust } from '../trust/document.js';
import { mayAssume } from '../trust/evaluate.js';
import { issuerHost, providerArnFor, subjectFor } from '../trust/statement.js';
import { attachedPolicies } from './iam-policies.js';
import type { IdentityParam } from './params.js';
import { roleUse } from './role-policy.js';
import type { ReadCtx, Use } from './step.js';
import { orNull, stepError } from './step-errors.js';
import { readRole, roleSubject } from './trust-write.js';

export interface RoleNeeds {
  readonly identity: IdentityParam;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** ARNs of managed policies that must hang on the role. */
  readonly policies: readonly string[];
}

export const roleProofReads = ({ identity }: Pick<RoleNeeds, 'identity'>, issuer = '*'): readonly Use[] => {
  const role = parseRoleArn(identity.role);
  if (role === null) return [];
  return [
    roleUse(role.account, 'GetRole', { RoleName: role.name }),
    roleUse(role.account, 'ListAttachedRolePolicies', { RoleName: role.name }),
    ...(identity.mechanism === 'irsa'
      ? [roleUse(role.account, 'GetOpenIDConnectProvider', { OpenIDConnectProviderArn: issuer })]
      : []),
  ];
};

/**
 * Why the role would not serve that service account, read from IAM as it stands now; empty where it would. Asked before anything
 * is bound to it (H8): an injected aws-node with a bad role takes its node's networking down, it does not fall back.
 */
const roleFaults = async (ctx: ReadCtx, needs: RoleNeeds): Promise<readonly string[]> => {
  const role = parseRoleArn(needs.identity.role);
  if (role === null) return [`${needs.identity.role} is no role ARN`];
  const aws = ctx.aws(role.account);
  const live = await readRole(aws, role.name);
  if (live === null) return [`role ${role.name} is not there`];
  const faults: string[] = [];
  const hanging = (await attachedPolicies(aws, role.name)) ?? [];
  for (const policy of needs.policies)
    if (!hanging.includes(policy)) faults.push(`${policy} does not hang on ${role.name}`);
  const document = parseTrust(live.trust);
  const { namespace, serviceAccount } = needs;
  if (needs.identity.mechanism === 'irsa') {
    const issuer = issuerHost(ctx.plan.oidcIssuer);
    const provider = providerArnFor(ctx.plan.partition, role.account, ctx.plan.oidcIssuer);
    const account = await ctx.kubernetes().get(serviceAccountRef(namespace, serviceAccount));
    const audience = textsAt(account, 'metadata', 'annotations')[annotationKeys.irsaAudience] ?? 'sts.amazonaws.com';
    const found = await orNull(aws.call('iam', 'GetOpenIDConnectProvider', { OpenIDConnectProviderArn: provider }));
    if (found === null) faults.push(`account ${role.account} has no OIDC provider for ${issuer}`);
    else if (!(at(found, 'ClientIDList') as readonly unknown[] | undefined)?.includes(audience))
      faults.push(`the OIDC provider of ${issuer} does not list the audience ${audience}`);
    const verdict = mayAssume(document, {
      action: 'sts:AssumeRoleWithWebIdentity',
      federated: provider,
      claims: { sub: subjectFor(namespace, serviceAccount), aud: audience },
    });
    if (verdict !== 'yes') faults.push(`its trust policy does not admit ${subjectFor(namespace, serviceAccount)}`);
    return faults;
  }
  const clusterArn = `arn:${ctx.plan.partition}:eks:${ctx.plan.region}:${ctx.plan.accountId}:cluster/${ctx.plan.clusterName}`;
  const request = {
    service: 'pods.eks.amazonaws.com',
    tags: {
      'eks-cluster-arn': clusterArn,
      'eks-cluster-name': ctx.plan.clusterName,
      'kubernetes-namespace': namespace,
      'kubernetes-service-account': serviceAccount,
    },
    keys: { 'aws:SourceArn': clusterArn, 'aws:SourceAccount': ctx.plan.accountId },
  };
  for (const action of ['sts:AssumeRole', 'sts:TagSession'])
    if (mayAssume(document, { ...request, action }) !== 'yes')
      faults.push(
        `its trust policy does not allow pods.eks.amazonaws.com ${action} for ${namespace}/${serviceAccount}`,
      );
  return faults;
};

/** Waits a bounded time for the role to be as it must be (IAM's reads lag behind its writes), then RL876. */
export const proveRole = async (ctx: ReadCtx, needs: RoleNeeds): Promise<void> => {
  const role = parseRoleArn(needs.identity.role);
  let faults: readonly string[] = [];
  try {
    await ctx.until(`role ${role?.name ?? needs.identity.role} is not ready yet`, 60_000, async () => {
      faults = await roleFaults(ctx, needs);
      return faults.length === 0 ? true : null;
    });
  } catch (thrown) {
    if (faults.length === 0) throw thrown;
    const subject = roleSubject(role?.account ?? '', role?.name ?? needs.identity.role);
    throw stepError('RL876', `the new role would not serve ${needs.namespace}/${needs.serviceAccount}`, {
      subject,
      cause: faults.join('; '),
      remedy: `Set ${subjectText(subject)} right, then run the same command again; no pod was touched.`,
    });
  }
};
