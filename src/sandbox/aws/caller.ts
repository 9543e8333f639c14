import { parseArn } from '../../model/resource.js';
import type { World } from './account.js';
import { AwsFault, accessDenied } from './fault.js';
import { type Context, type Decision, decide, type Statement, statementsOf } from './policy-language.js';
import type { RoleRecord, Texts } from './records.js';

/** Who calls: a user of an account, or a session of a role. */
export interface Caller {
  readonly kind: 'user' | 'session' | 'service';
  readonly account: string;
  /** ARN as GetCallerIdentity tells it. */
  readonly arn: string;
  readonly userId: string;
  readonly session: Session | null;
}
export interface Session {
  readonly roleArn: string;
  readonly roleId: string;
  readonly name: string;
  readonly policy: string | null;
  readonly tags: Texts;
  readonly transitive: readonly string[];
  /** Milliseconds since 1970. */
  readonly expires: number;
  readonly web: boolean;
}

export const userKey = (account: string): string => `AKIA0000${account}`;
const tokenPrefix = 'sandbox.';

/** Session credentials carry themselves, so that forks and restarts know them. */
export const credentialsOf = (session: Session, serial: string): { id: string; secret: string; token: string } => ({
  id: serial,
  secret: `secret-${serial}`,
  token: tokenPrefix + Buffer.from(JSON.stringify(session)).toString('base64url'),
});

const readSession = (token: string): Session | null => {
  if (!token.startsWith(tokenPrefix)) return null;
  try {
    return JSON.parse(Buffer.from(token.slice(tokenPrefix.length), 'base64url').toString()) as Session;
  } catch {
    return null;
  }
};

export const sessionCaller = (session: Session): Caller => {
  const arn = parseArn(session.roleArn);
  const account = arn?.account ?? '';
  const name = session.roleArn.split('/').at(-1) as string;
  return {
    kind: 'session',
    account,
    arn: `arn:${arn?.partition ?? 'aws'}:sts::${account}:assumed-role/${name}/${session.name}`,
    userId: `${session.roleId}:${session.name}`,
    session,
  };
};

/** Resolves access key and session token. A key that names no account belongs to the default one's administrator. */
export const callerOf = (world: World, keyId: string, token: string | undefined, fallback: string): Caller => {
  if (token !== undefined && token !== '') {
    const session = readSession(token);
    if (!session)
      throw new AwsFault('InvalidClientTokenId', 403, 'The security token included in the request is invalid');
    if (session.expires <= world.now())
      throw new AwsFault('ExpiredToken', 403, 'The security token included in the request is expired');
    return sessionCaller(session);
  }
  const named = /^AKIA0000(\d{12})$/.exec(keyId)?.[1];
  const id = named ?? fallback;
  const account = world.accounts.get(id);
  if (!account || keyId.startsWith('ASIA'))
    throw new AwsFault('InvalidClientTokenId', 403, 'The security token included in the request is invalid.');
  return {
    kind: 'user',
    account: id,
    arn: account.arn('user/sandbox-admin'),
    userId: 'AIDASANDBOXADMIN00000',
    session: null,
  };
};

/** Statements of a role's own policies. */
export const identityStatements = (world: World, role: RoleRecord): readonly Statement[] =>
  [...Object.values(role.inline), ...role.attached.map((arn) => world.policyDocument(arn) ?? '')].flatMap(
    (document) => statementsOf(document) ?? [],
  );

export const contextOf = (caller: Caller, more: Readonly<Record<string, readonly string[]>> = {}): Context => {
  const context = new Map<string, readonly string[]>([
    ['aws:principalarn', [caller.session?.roleArn ?? caller.arn]],
    ['aws:principalaccount', [caller.account]],
    ['aws:userid', [caller.userId]],
    ['aws:principaltype', [caller.session ? 'AssumedRole' : 'User']],
  ]);
  for (const [key, value] of Object.entries(caller.session?.tags ?? {}))
    context.set(`aws:principaltag/${key.toLowerCase()}`, [value]);
  for (const [key, values] of Object.entries(more)) context.set(key.toLowerCase(), values);
  return context;
};

/** What a role's identity policies, its boundary and the session's policy together say. */
export const roleMay = (
  world: World,
  role: RoleRecord,
  action: string,
  resource: string,
  context: Context,
  sessionPolicy: string | null = null,
): Decision => {
  const own = decide(identityStatements(world, role), action, resource, context);
  const limits = [role.boundary === null ? null : (world.policyDocument(role.boundary) ?? '{}'), sessionPolicy];
  for (const limit of limits) {
    if (limit === null) continue;
    const said = decide(statementsOf(limit) ?? [], action, resource, context);
    if (said === 'deny') return 'deny';
    if (said === 'silent') return own === 'deny' ? 'deny' : 'silent';
  }
  return own;
};

/** What the caller's own policies say of an action; users do everything unless the sandbox was given a policy for them. */
export const callerMay = (
  world: World,
  caller: Caller,
  action: string,
  resource: string,
  userPolicy: string | null,
  context: Context = contextOf(caller),
): Decision => {
  if (caller.kind === 'service') return 'allow';
  if (caller.session === null) {
    const said = userPolicy === null ? 'allow' : decide(statementsOf(userPolicy) ?? [], action, resource, context);
    world.rights?.note({ api: 'aws', account: caller.account, action, resource, allowed: said === 'allow' });
    return said;
  }
  const role = world.role(caller.session.roleArn);
  if (!role || role.id !== caller.session.roleId) return 'silent';
  const said = roleMay(world, role, action, resource, context, caller.session.policy);
  if (userPolicy === null) return said;
  // A role that stands for an account (`--account-role`) may do no more than what that account's policy grants.
  const limited = decide(statementsOf(userPolicy) ?? [], action, resource, context);
  const both = said === 'allow' ? limited : said;
  world.rights?.note({ api: 'aws', account: caller.account, action, resource, allowed: both === 'allow' });
  return both;
};

export const demand = (
  world: World,
  caller: Caller,
  action: string,
  resource: string,
  userPolicy: string | null,
  context?: Context,
): void => {
  if (callerMay(world, caller, action, resource, userPolicy, context) === 'allow') return;
  throw accessDenied(
    `User: ${caller.arn} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`,
  );
};
