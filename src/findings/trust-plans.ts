import { byText } from '../model/canonical.js';
import type { Inventory, Role } from '../model/inventory.js';
import type { PlanOptions } from '../model/options.js';
import { parseRoleArn } from '../model/resource.js';
import type { Mechanism } from '../model/words.js';
import {
  addStatements,
  contains,
  type Refusal,
  type Statement,
  statementFor,
  targetStatementFor,
} from '../trust/edit.js';
import { providerArnFor } from '../trust/statement.js';
import { roleByArn } from './policy-documents.js';
import type { Estate, Proposal, RuleInput } from './rule.js';

/** Default of the quota `AssumeRolePolicySizeQuota` (IAM User Guide, quotas). */
const defaultTrustQuota = 2048;

/** Characters that a trust policy of that account may have: its live quota, else the default. */
export const trustQuotaOf = (estate: Estate, account: string): number => {
  const quotas = estate.inventory.accounts.find(({ id }) => id === account)?.quotas ?? {};
  return (
    (Object.hasOwn(quotas, 'AssumeRolePolicySizeQuota') ? quotas['AssumeRolePolicySizeQuota'] : undefined) ??
    defaultTrustQuota
  );
};

/** Issuers whose tokens must be trusted: the one given, else the cluster's; several only while it changes its issuer. */
export const issuersOf = (
  inventory: Inventory,
  options: Pick<PlanOptions, 'oidcIssuer' | 'alsoIssuers'>,
): readonly string[] => [
  ...new Set([
    ...(options.oidcIssuer !== null
      ? [options.oidcIssuer]
      : inventory.cluster.oidcIssuers.filter((issuer) => issuer !== '')),
    ...options.alsoIssuers,
  ]),
];

/** The audience of the tokens that the webhook mounts for this account: its own annotation's, else the webhook's. */
export const audienceOf = (estate: Estate, namespace: string, serviceAccount: string): string => {
  const { webhook } = estate.inventory;
  const annotations = estate.accounts.get(`${namespace}/${serviceAccount}`)?.annotations ?? {};
  const key = `${webhook.prefix}/audience`;
  const own = Object.hasOwn(annotations, key) ? (annotations[key] as string) : '';
  return own !== '' ? own : webhook.audience !== '' ? webhook.audience : 'sts.amazonaws.com';
};

export interface TrustOf {
  readonly role: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly mechanism: Mechanism;
  /** Pod Identity: true where the quota has no room for the names, so that the statement ends at the cluster. */
  readonly clusterWide?: boolean;
}

/** The statements that a role needs so that exactly this service account may have it; one an issuer. */
export const trustStatements = (
  estate: Estate,
  options: PlanOptions,
  of: TrustOf,
): readonly { readonly issuer: string | null; readonly statement: Statement }[] => {
  const { cluster } = estate.inventory;
  const { namespace, serviceAccount } = of;
  if (of.mechanism === 'pod-identity')
    return [
      {
        issuer: null,
        statement: statementFor({
          mechanism: 'pod-identity',
          clusterArn: cluster.arn,
          namespace,
          serviceAccount,
          disableSessionTags: options.disableSessionTags,
          ...(of.clusterWide === true ? { scope: 'cluster' as const } : {}),
        }),
      },
    ];
  const role = parseRoleArn(of.role);
  return issuersOf(estate.inventory, options).map((issuer) => ({
    issuer,
    statement: statementFor({
      mechanism: 'irsa',
      providerArn: providerArnFor(role?.partition ?? cluster.partition, role?.account ?? cluster.accountId, issuer),
      issuer,
      audience: audienceOf(estate, namespace, serviceAccount),
      namespace,
      serviceAccount,
    }),
  }));
};

/**
 * What a role that is bound by IRSA already still lacks for the issuers that the cluster has beside its first one, or is going to have:
 * before the issuer changes, each role must trust both (Giant Swarm, upgrade to v19).
 */
export const missingForIssuers = (
  estate: Estate,
  options: PlanOptions,
  of: TrustOf,
): readonly { readonly issuer: string | null; readonly statement: Statement }[] => {
  const role = roleByArn(estate.inventory, of.role);
  const [present] = estate.inventory.cluster.oidcIssuers;
  if (role === undefined || of.mechanism !== 'irsa') return [];
  return trustStatements(estate, options, of).filter(
    ({ issuer, statement }) => issuer !== present && !contains(role.trust, statement),
  );
};

/** The role that is there already and whose trust a proposal widens; null where it makes its role itself, or where it is blocked. */
const widenedBy = ({ to, newRole }: Proposal): string | null => (newRole || to === null ? null : to.role);

/** The statements that a proposal adds to that role's trust. */
const intendedStatements = (input: RuleInput, proposal: Proposal, clusterWide: boolean): readonly Statement[] => {
  const { to } = proposal;
  if (to === null || (to.mechanism === 'pod-identity' && input.estate.inventory.cluster.arn === null)) return [];
  if (to.associationRole !== null) return [targetStatementFor({ associationRole: to.associationRole })];
  return trustStatements(input.estate, input.options, { ...to, clusterWide }).map(({ statement }) => statement);
};

/** Existing roles whose trust the proposals would widen, with the proposals; sorted by ARN. */
export const widened = (
  input: RuleInput,
): readonly { readonly role: Role; readonly proposals: readonly Proposal[] }[] => {
  const byRole = new Map<string, Proposal[]>();
  for (const proposal of input.proposals) {
    const arn = widenedBy(proposal);
    if (arn === null) continue;
    const known = byRole.get(arn);
    if (known === undefined) byRole.set(arn, [proposal]);
    else known.push(proposal);
  }
  return [...byRole]
    .sort(([left], [right]) => byText(left, right))
    .flatMap(([arn, proposals]) => {
      const role = roleByArn(input.estate.inventory, arn);
      return role === undefined ? [] : [{ role, proposals }];
    });
};

/** Adds every statement of these proposals to the role's trust, one after the other; the first refusal ends it. */
export const trustAfter = (
  input: RuleInput,
  role: Role,
  proposals: readonly Proposal[],
  clusterWide = false,
):
  | { readonly is: 'fits'; readonly text: string; readonly size: number | null }
  | (Refusal & { readonly at: string }) => {
  const wanted = proposals.flatMap((proposal) =>
    intendedStatements(input, proposal, clusterWide).map((statement) => ({ statement, at: proposal.id })),
  );
  const after = addStatements(
    role.trust,
    wanted.map(({ statement }) => statement),
    { limit: trustQuotaOf(input.estate, role.account) },
  );
  if (after.is === 'fits') return after;
  const { index, ...refusal } = after;
  return { ...refusal, at: wanted[index]?.at ?? '' };
};

/**
 * Roles whose trust has no room for each namespace and service account under Pod Identity, but for one statement that ends at the
 * cluster: who may be associated with such a role is then decided by `iam:PassRole` alone. Told as a warning (RL301).
 */
export const clusterWideRoles = (input: RuleInput): ReadonlySet<string> =>
  new Set(
    widened(input).flatMap(({ role, proposals }) => {
      const own = proposals.filter(({ to }) => to?.mechanism === 'pod-identity' && to.associationRole === null);
      if (own.length === 0 || input.options.disableSessionTags) return [];
      const narrow = trustAfter(input, role, proposals);
      if (narrow.is === 'fits' || narrow.reason !== 'too-large') return [];
      return trustAfter(input, role, proposals, true).is === 'fits' ? [role.arn] : [];
    }),
  );
