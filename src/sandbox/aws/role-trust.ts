import type { World } from './account.js';
import { AwsFault, malformed } from './fault.js';
import {
  type Context,
  conditionsHold,
  countedSize,
  namesAction,
  type Statement,
  statementsOf,
} from './policy-language.js';
import type { RoleRecord, Texts } from './records.js';

/** Trust policies as IAM keeps them: checked when written, principals held by unique id, shown with what has become of these. */

const webDomains = /^(?:accounts\.google\.com|cognito-identity\.amazonaws\.com|graph\.facebook\.com|www\.amazon\.com)$/;

const badPrincipal = (name: string): AwsFault =>
  new AwsFault('MalformedPolicyDocument', 400, `Invalid principal in policy: "AWS":"${name}"`);

/** Unique id of what an AWS principal names now; `account` for whole accounts and for what lies outside the sandbox. */
const idOf = (world: World, name: string): string => {
  if (name === '*' || /^\d{12}$/.test(name) || /^arn:aws[a-z-]*:iam::\d{12}:root$/.test(name)) return 'account';
  const match = /^arn:(aws[a-z-]*):(iam|sts)::(\d{12}):(role|user|assumed-role|federated-user)\/(.+)$/.exec(name);
  if (!match || /[*?]/.test(name)) throw badPrincipal(name);
  const [, , , id, kind, rest] = match as unknown as [string, string, string, string, string, string];
  const account = world.accounts.get(id);
  if (!account) return 'account';
  if (kind === 'user') {
    const user = account.users.get(name);
    if (user === undefined && rest !== 'sandbox-admin') throw badPrincipal(name);
    return user ?? 'account';
  }
  if (kind === 'assumed-role') {
    const role = account.roles.get((rest.split('/')[0] as string).toLowerCase());
    if (!role) throw badPrincipal(name);
    return role.id;
  }
  const role = world.role(name);
  if (!role) throw badPrincipal(name);
  return role.id;
};

/** Checks a document as CreateRole and UpdateAssumeRolePolicy do; the answer is the ids of the principals that it names. */
export const acceptTrust = (world: World, account: string, text: string): Texts => {
  const statements = statementsOf(text);
  if (!statements) throw malformed('This policy contains invalid Json');
  checkForm(text);
  const size = countedSize(text);
  const quota = world.accounts.get(account)?.quotas.get('AssumeRolePolicySizeQuota') ?? 2048;
  if (size > quota) throw new AwsFault('LimitExceeded', 409, `Cannot exceed quota for ACLSizePerRole: ${quota}`);
  const ids: [string, string][] = [];
  const sids = new Set<string>();
  for (const statement of statements) {
    if (statement.sid !== null) {
      if (!/^[A-Za-z0-9]*$/.test(statement.sid) || sids.has(statement.sid))
        throw malformed('Statement IDs (SID) in a single policy must be unique and alphanumeric.');
      sids.add(statement.sid);
    }
    if (statement.principals === null) throw malformed('AssumeRole policy must contain principal.');
    if (hasResource(text)) throw malformed('Has prohibited field Resource.');
    if (statement.actions.some((action) => !/^(\*|sts:[A-Za-z*?]+)$/i.test(action)))
      throw malformed('AssumeRole policy may only specify STS AssumeRole actions.');
    for (const name of statement.principals['AWS'] ?? []) {
      const id = idOf(world, name);
      if (id !== 'account') ids.push([name, id]);
    }
    for (const name of statement.principals['Federated'] ?? [])
      if (!/^arn:aws[a-z-]*:iam::\d{12}:(oidc-provider|saml-provider)\/\S+$/.test(name) && !webDomains.test(name))
        throw malformed('Federated principals must be valid domain names or SAML metadata ARNs');
    for (const name of statement.principals['Service'] ?? [])
      if (!/^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$/.test(name))
        throw malformed(`Invalid principal in policy: "SERVICE":"${name}"`);
  }
  return Object.fromEntries(ids);
};

const documentFields = ['Version', 'Id', 'Statement'];
const statementFields = [
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
];
const versions = ['2012-10-17', '2008-10-17'];
const operators =
  /^(?:(?:ForAllValues|ForAnyValue):)?(?:String(?:Not)?(?:Equals|Like)|String(?:Not)?EqualsIgnoreCase|(?:Numeric|Date)(?:(?:Not)?Equals|(?:Less|Greater)Than(?:Equals)?)|Bool|BinaryEquals|(?:Not)?IpAddress|Arn(?:Not)?(?:Equals|Like)|Null)(?:IfExists)?$/;

/** Fields, version and operators are those of the grammar and no others (IAM User Guide, grammar of the JSON policy language). */
const checkForm = (text: string): void => {
  const document = JSON.parse(text) as Record<string, unknown>;
  const syntax = malformed('Syntax errors in policy.');
  if (!Object.keys(document).every((field) => documentFields.includes(field))) throw syntax;
  if (document['Version'] !== undefined && !versions.includes(document['Version'] as string)) throw syntax;
  for (const statement of [document['Statement']].flat() as Record<string, unknown>[]) {
    if (!Object.keys(statement).every((field) => statementFields.includes(field))) throw syntax;
    if (statement['Action'] === undefined && statement['NotAction'] === undefined)
      throw malformed('Missing required field Action');
    for (const operator of Object.keys((statement['Condition'] as object | undefined) ?? {}))
      if (!operators.test(operator)) throw malformed(`Invalid Condition type : ${operator}`);
  }
};

const hasResource = (text: string): boolean => {
  const parsed = JSON.parse(text) as { Statement: object | object[] };
  return [parsed.Statement]
    .flat()
    .some((each) => Object.hasOwn(each, 'Resource') || Object.hasOwn(each, 'NotResource'));
};

/** Whether that principal is still the one that was meant: a role deleted and made again has another id. */
const stillThere = (world: World, name: string, id: string): boolean => {
  const match = /^arn:[^:]+:(?:iam|sts)::(\d{12}):(role|user|assumed-role)\/(.+)$/.exec(name);
  if (!match) return true;
  const [, accountId, kind, rest] = match as unknown as [string, string, string, string];
  const account = world.accounts.get(accountId);
  if (kind === 'user') return account?.users.get(name) === id;
  const role = kind === 'role' ? world.role(name) : account?.roles.get((rest.split('/')[0] as string).toLowerCase());
  return role?.id === id;
};

/** The document as IAM shows it: a deleted principal appears as its bare id; everything else keeps its bytes. */
export const shownTrust = (world: World, role: RoleRecord): string => {
  let text = role.trust;
  for (const [name, id] of Object.entries(role.principals))
    if (!stillThere(world, name, id)) text = text.replaceAll(JSON.stringify(name), JSON.stringify(id));
  return text;
};

/** Who asks for a role. */
export type Applicant =
  | {
      readonly kind: 'aws';
      readonly account: string;
      /** ARN of the role or user itself, and its unique id (null for users). */
      readonly arn: string;
      readonly id: string | null;
      readonly sessionArn: string;
    }
  | { readonly kind: 'service' | 'federated'; readonly name: string };

type Match = 'named' | 'account' | 'none';

const matches = (statement: Statement, role: RoleRecord, applicant: Applicant): Match => {
  const principals = statement.principals ?? {};
  if (applicant.kind !== 'aws') {
    const listed = principals[applicant.kind === 'service' ? 'Service' : 'Federated'] ?? [];
    return listed.includes(applicant.name) ? 'named' : 'none';
  }
  let best: Match = 'none';
  for (const name of [...(principals['AWS'] ?? []), ...(principals['*'] ?? [])]) {
    if (name === '*') best = best === 'named' ? best : 'account';
    else if (name === applicant.account || new RegExp(`^arn:[^:]+:iam::${applicant.account}:root$`).test(name))
      best = best === 'named' ? best : 'account';
    else if (name === applicant.arn || name === applicant.sessionArn) {
      const meant = Object.hasOwn(role.principals, name) ? role.principals[name] : null;
      if (meant === null || applicant.id === null || meant === applicant.id) best = 'named';
    }
  }
  return best;
};

/**
 * What a role's trust policy says to an applicant: `named` where it itself is admitted, `account` where only its account is (then its own
 * policies must allow the call too), `no` else. NotPrincipal is read as AWS reads it: everybody else.
 */
export const admits = (
  role: RoleRecord,
  applicant: Applicant,
  action: string,
  context: Context,
): 'named' | 'account' | 'no' => {
  const statements = statementsOf(role.trust) ?? [];
  let best: 'named' | 'account' | 'no' = 'no';
  for (const statement of statements) {
    if (!namesAction(statement, action) || !conditionsHold(statement, context)) continue;
    const found = matches(statement, role, applicant);
    const meets = statement.notPrincipals ? (found === 'none' ? 'account' : 'none') : found;
    if (meets === 'none') continue;
    if (statement.effect === 'Deny') return 'no';
    if (best !== 'named') best = meets;
  }
  return best;
};

/** Ids of the principals of a document that is taken as it stands: what cannot be found is left out. */
export const principalsOf = (world: World, text: string): Texts => {
  const ids: [string, string][] = [];
  for (const statement of statementsOf(text) ?? [])
    for (const name of statement.principals?.['AWS'] ?? []) {
      try {
        const id = idOf(world, name);
        if (id !== 'account') ids.push([name, id]);
      } catch {
        // A principal that is not there has no id; such a document could not be written today, but may stand from before.
      }
    }
  return Object.fromEntries(ids);
};
