import pLimit from 'p-limit';
import { byKey, byText } from '../model/canonical.js';
import type { Inventory, Policy, Role } from '../model/inventory.js';
import { type JsonObject, listAt, numberAt, objectAt, textAt } from '../model/json.js';
import { parseRoleArn } from '../model/resource.js';
import type { SafeAws } from './aws-calls.js';
import type { Gaps } from './gaps.js';

export interface IamPart {
  readonly roles: readonly Role[];
  readonly rolesMissing: readonly string[];
  readonly policies: readonly Policy[];
  readonly providers: Inventory['oidcProviders'];
  readonly quotas: Readonly<Record<string, number>>;
}

/** Accounts answer a handful of reads at once; the clients' lanes bound the rate. */
const atOnce = 8;

/** IAM sends documents URL-encoded; some SDKs decode them already: decoded only where the text is not JSON yet. */
const decodedDocument = (text: string): string => {
  if (/^\s*[{[]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', '%20'));
  } catch {
    return text;
  }
};

const tagsOf = (raw: unknown): Record<string, string> =>
  Object.fromEntries(
    listAt(raw, 'Tags')
      .map((tag): [string, string] => [textAt(tag, 'Key') ?? '', textAt(tag, 'Value') ?? ''])
      .sort(([left], [right]) => byText(left, right)),
  );

/** One role with everything that hangs on it; null where it is not there, `refused` where it may not be read. */
const readRole = async (aws: SafeAws, name: string, gaps: Gaps): Promise<Role | null | 'refused'> => {
  const area = `iam:${aws.account}:role/${name}`;
  const hides = [`who may assume role ${name} of account ${aws.account}, and what it may do`];
  const answer = await aws.ask('iam', 'GetRole', { RoleName: name }, { area, hides });
  if (answer.is === 'absent') return null;
  if (answer.is === 'refused') return 'refused';
  const role = objectAt(answer.value, 'Role');
  const [attached, inlineNames] = await Promise.all([
    aws.all('iam', 'ListAttachedRolePolicies', { RoleName: name }, 'AttachedPolicies', { area, hides }),
    aws.all('iam', 'ListRolePolicies', { RoleName: name }, 'PolicyNames', { area, hides }),
  ]);
  const inline: Record<string, string> = {};
  for (const policy of [...(inlineNames ?? [])]
    .filter((entry): entry is string => typeof entry === 'string')
    .sort(byText)) {
    const found = await aws.ask('iam', 'GetRolePolicy', { RoleName: name, PolicyName: policy }, { area, hides });
    if (found.is === 'value') inline[policy] = decodedDocument(textAt(found.value, 'PolicyDocument') ?? '');
  }
  const arn = textAt(role, 'Arn') ?? '';
  const trust = textAt(role, 'AssumeRolePolicyDocument');
  if (trust === undefined) gaps.add(area, 'the answer holds no trust policy', hides);
  const boundary = textAt(role, 'PermissionsBoundary', 'PermissionsBoundaryArn');
  const lastUsed = textAt(role, 'RoleLastUsed', 'LastUsedDate');
  return {
    arn,
    name: textAt(role, 'RoleName') ?? name,
    account: parseRoleArn(arn)?.account ?? aws.account,
    path: textAt(role, 'Path') ?? '/',
    roleId: textAt(role, 'RoleId') ?? '',
    trust: decodedDocument(trust ?? ''),
    attached: (attached ?? []).map((policy) => textAt(policy, 'PolicyArn') ?? '').sort(byText),
    inline,
    ...(boundary === undefined ? {} : { boundary }),
    maxSessionSeconds: numberAt(role, 'MaxSessionDuration') ?? 3600,
    description: textAt(role, 'Description') ?? '',
    tags: tagsOf(role),
    ...(lastUsed === undefined ? {} : { lastUsed }),
  };
};

const readPolicy = async (aws: SafeAws, arn: string): Promise<Policy | null> => {
  const about = {
    area: `iam:${aws.account}:policy/${arn.slice(arn.lastIndexOf('/') + 1)}`,
    hides: [`what policy ${arn} allows`],
  };
  const answer = await aws.ask('iam', 'GetPolicy', { PolicyArn: arn }, about);
  if (answer.is !== 'value') return null;
  const versionId = textAt(answer.value, 'Policy', 'DefaultVersionId') ?? '';
  const version = await aws.ask('iam', 'GetPolicyVersion', { PolicyArn: arn, VersionId: versionId }, about);
  if (version.is !== 'value') return null;
  return { arn, versionId, document: decodedDocument(textAt(version.value, 'PolicyVersion', 'Document') ?? '') };
};

const readProviders = async (aws: SafeAws): Promise<Inventory['oidcProviders']> => {
  const about = { area: `iam:${aws.account}:oidc-providers`, hides: ['which OIDC providers exist'] };
  const listed = await aws.ask('iam', 'ListOpenIDConnectProviders', {}, about);
  const arns =
    listed.is === 'value'
      ? listAt(listed.value, 'OpenIDConnectProviderList').map((entry) => textAt(entry, 'Arn') ?? '')
      : [];
  const found = await Promise.all(
    arns.sort(byText).map(async (arn) => {
      const answer = await aws.ask('iam', 'GetOpenIDConnectProvider', { OpenIDConnectProviderArn: arn }, about);
      if (answer.is !== 'value') return [];
      const audiences = listAt(answer.value, 'ClientIDList').filter((id): id is string => typeof id === 'string');
      return [{ arn, account: aws.account, audiences: audiences.sort(byText), tags: tagsOf(answer.value) }];
    }),
  );
  return found.flat();
};

const readQuotas = async (aws: SafeAws): Promise<Readonly<Record<string, number>>> => {
  const answer = await aws.ask(
    'iam',
    'GetAccountSummary',
    {},
    {
      area: `iam:${aws.account}:quotas`,
      hides: ['how long a trust policy may be in this account'],
    },
  );
  const summary: JsonObject = answer.is === 'value' ? objectAt(answer.value, 'SummaryMap') : {};
  return Object.fromEntries(
    Object.entries(summary)
      .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
      .sort(([left], [right]) => byText(left, right)),
  );
};

/**
 * Roles by ARN in one account, their policies, the account's OIDC providers and quotas. A role whose path differs from the ARN
 * that was asked for is another role: the ARN is missing, and what bears the name is kept beside it. Roles of `byName` and
 * `policies` are kept where they exist, and missed by nobody.
 */
export const readIam = async (
  aws: SafeAws,
  wanted: {
    readonly arns: readonly string[];
    readonly byName: readonly string[];
    readonly policies: readonly string[];
    /** Nothing but these roles and their policies: the account itself was read before. */
    readonly rolesOnly?: boolean;
  },
  gaps: Gaps,
): Promise<IamPart> => {
  const limit = pLimit(atOnce);
  const roles = new Map<string, Role>();
  const missing = new Set<string>();
  const asked = new Map<string, Promise<Role | null | 'refused'>>();
  const ask = (name: string): Promise<Role | null | 'refused'> => {
    const key = name.toLowerCase();
    const known = asked.get(key) ?? limit(() => readRole(aws, name, gaps));
    asked.set(key, known);
    return known;
  };
  await Promise.all([
    ...wanted.arns.map(async (arn) => {
      const parsed = parseRoleArn(arn);
      if (parsed === null) return;
      const role = await ask(parsed.name);
      if (role === 'refused') return;
      if (role === null || role.arn !== arn) missing.add(arn);
      if (role !== null) roles.set(role.arn, role);
    }),
    ...wanted.byName.map(async (name) => {
      const role = await ask(name);
      if (role !== null && role !== 'refused') roles.set(role.arn, role);
    }),
  ]);
  const arns = new Set([
    ...wanted.policies,
    ...[...roles.values()].flatMap((role) => [
      ...role.attached,
      ...(role.boundary === undefined ? [] : [role.boundary]),
    ]),
  ]);
  const [policies, providers, quotas] = await Promise.all([
    Promise.all([...arns].sort(byText).map((arn) => limit(() => readPolicy(aws, arn)))),
    wanted.rolesOnly === true ? [] : readProviders(aws),
    wanted.rolesOnly === true ? {} : readQuotas(aws),
  ]);
  return {
    roles: [...roles.values()].sort(byKey(({ arn }) => arn)),
    rolesMissing: [...missing].sort(byText),
    policies: policies.filter((policy) => policy !== null),
    providers,
    quotas,
  };
};
