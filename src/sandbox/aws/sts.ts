import { parseArn } from '../../model/resource.js';
import type { TokenClaims } from '../contract.js';
import type { World } from './account.js';
import { type Caller, callerMay, contextOf, credentialsOf, type Session, sessionCaller } from './caller.js';
import { AwsFault, accessDenied, invalid } from './fault.js';
import { isoTime, need, type QueryCall, type QueryOperations } from './iam-call.js';
import { statementsOf } from './policy-language.js';
import type { RoleRecord, Texts } from './records.js';
import { type Applicant, admits } from './role-trust.js';
import { recordAssumption } from './trail.js';
import type { XmlValue } from './xml.js';

/** STS: who may have a role, decided from the trust policy, the token and the caller (STS API Reference). */

export interface TokenReader {
  readToken(token: string): TokenClaims | null;
}

const applicantOf = (caller: Caller): Applicant => ({
  kind: 'aws',
  account: caller.account,
  arn: caller.session?.roleArn ?? caller.arn,
  id: caller.session?.roleId ?? null,
  sessionArn: caller.arn,
});

export interface AssumeRequest {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly externalId: string | null;
  readonly tags: Texts;
  readonly transitive: readonly string[];
  readonly userPolicy: string | null;
}

/** Whether this caller may assume that role, and with which tags; throws AccessDenied as STS does. */
export const assume = (world: World, caller: Caller, request: AssumeRequest): RoleRecord => {
  const denied = (action: string): AwsFault =>
    accessDenied(`User: ${caller.arn} is not authorized to perform: ${action} on resource: ${request.roleArn}`);
  const lag = world.settings.consistencyDelayMs;
  const role = world.role(request.roleArn, lag);
  if (!role) throw denied('sts:AssumeRole');
  const inherited = (caller.session?.transitive ?? []).map((key) => [key, caller.session?.tags[key] ?? ''] as const);
  const tags = [...inherited, ...Object.entries(request.tags)];
  const context = contextOf(caller, {
    'sts:RoleSessionName': [request.sessionName],
    ...(request.externalId === null ? {} : { 'sts:ExternalId': [request.externalId] }),
    ...Object.fromEntries(tags.map(([key, value]) => [`aws:RequestTag/${key}`, [value]])),
    ...(tags.length === 0 ? {} : { 'aws:TagKeys': tags.map(([key]) => key) }),
  });
  for (const action of tags.length === 0 ? ['sts:AssumeRole'] : ['sts:AssumeRole', 'sts:TagSession']) {
    const said = callerMay(world, caller, action, role.arn, request.userPolicy, context);
    const trusted = admits(role, applicantOf(caller), action, context);
    const own = said === 'allow' || (said === 'silent' && trusted === 'named' && caller.account === role.account);
    if (trusted === 'no' || said === 'deny' || !own) throw denied(action);
  }
  return role;
};

export interface WebRequest {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly claims: TokenClaims;
}

/** Whether these claims open that role; throws with the codes of AssumeRoleWithWebIdentity. */
export const assumeWithClaims = (world: World, request: WebRequest): RoleRecord => {
  const { claims } = request;
  const lag = world.settings.consistencyDelayMs;
  const denied = (): AwsFault => accessDenied('Not authorized to perform sts:AssumeRoleWithWebIdentity');
  const account = parseArn(request.roleArn)?.account ?? '';
  const host = claims.issuer.replace(/^https:\/\//, '').replace(/\/$/, '');
  const owner = world.accounts.get(account);
  if (!owner) throw denied();
  const provider = owner.providers.get(owner.arn(`oidc-provider/${host}`), lag);
  if (!provider)
    throw new AwsFault(
      'InvalidIdentityToken',
      400,
      `No OpenIDConnect provider found in your account for ${claims.issuer}`,
    );
  const audience = claims.audiences.filter((each) => provider.audiences.includes(each));
  if (audience.length === 0) throw new AwsFault('InvalidIdentityToken', 400, 'Incorrect token audience');
  const role = world.role(request.roleArn, lag);
  if (!role) throw denied();
  const context = new Map<string, readonly string[]>([
    [`${host}:aud`.toLowerCase(), audience],
    [`${host}:sub`.toLowerCase(), [claims.subject]],
    [`${host}:iss`.toLowerCase(), [claims.issuer]],
    ['aws:federatedprovider', [provider.arn]],
    ['sts:rolesessionname', [request.sessionName]],
  ]);
  const said = admits(role, { kind: 'federated', name: provider.arn }, 'sts:AssumeRoleWithWebIdentity', context);
  if (said === 'no') throw denied();
  return role;
};

const durationOf = (call: QueryCall, role: RoleRecord, chained: boolean): number => {
  const given = call.params.get('DurationSeconds');
  const seconds = Number(given ?? 3600);
  if (!(seconds >= 900 && seconds <= 43_200))
    throw invalid(
      "1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
    );
  if (chained && seconds > 3600)
    throw invalid('The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining');
  if (seconds > role.maxSessionSeconds)
    throw invalid('The requested DurationSeconds exceeds the MaxSessionDuration set for this role.');
  return seconds;
};

const sessionName = (call: QueryCall): string => {
  const name = need(call, 'RoleSessionName');
  if (!/^[\w+=,.@-]{2,64}$/.test(name))
    throw invalid("1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint");
  return name;
};

const sessionPolicy = (call: QueryCall): string | null => {
  const policy = call.params.get('Policy');
  if (policy === undefined) return null;
  if (!statementsOf(policy)) throw new AwsFault('MalformedPolicyDocument', 400, 'Session policy is not valid JSON');
  if (policy.length > 2048)
    throw new AwsFault('PackedPolicyTooLarge', 400, 'Packed size of session policy and tags is too large');
  return policy;
};

const issued = (call: QueryCall, session: Session): { credentials: XmlValue; user: XmlValue; key: string } => {
  const key = call.world.nextId('ASIA', 16);
  const credentials = credentialsOf(session, key);
  const caller = sessionCaller(session);
  return {
    key,
    credentials: {
      AccessKeyId: credentials.id,
      SecretAccessKey: credentials.secret,
      SessionToken: credentials.token,
      Expiration: isoTime(session.expires),
    },
    user: { AssumedRoleId: caller.userId, Arn: caller.arn },
  };
};

const used = (call: QueryCall, role: RoleRecord): void =>
  call.world.accounts.get(role.account)?.lastUsed.set(role.arn, { at: call.world.now(), region: call.region });

export const stsOperations = (tokens: () => TokenReader): QueryOperations => ({
  GetCallerIdentity: (call) => ({ Arn: call.caller.arn, UserId: call.caller.userId, Account: call.caller.account }),

  AssumeRole: (call) => {
    const request: AssumeRequest = {
      roleArn: need(call, 'RoleArn'),
      sessionName: sessionName(call),
      externalId: call.params.get('ExternalId') ?? null,
      tags: sessionTags(call),
      transitive: listed(call, 'TransitiveTagKeys'),
      userPolicy: call.userPolicy,
    };
    const role = assume(call.world, call.caller, request);
    const seconds = durationOf(call, role, call.caller.session !== null);
    const inherited = call.caller.session?.transitive ?? [];
    const kept = Object.fromEntries(inherited.map((key) => [key, call.caller.session?.tags[key] ?? '']));
    const session: Session = {
      roleArn: role.arn,
      roleId: role.id,
      name: request.sessionName,
      policy: sessionPolicy(call),
      tags: { ...request.tags, ...kept },
      transitive: [...new Set([...inherited, ...request.transitive])],
      expires: call.world.now() + seconds * 1000,
      web: false,
    };
    const { credentials, user, key } = issued(call, session);
    used(call, role);
    recordAssumption(call.world, {
      name: 'AssumeRole',
      account: role.account,
      region: call.region,
      roleArn: role.arn,
      sessionName: request.sessionName,
      accessKeyId: key,
      username: call.caller.session?.name ?? 'sandbox-admin',
      userIdentity: {
        type: call.caller.session ? 'AssumedRole' : 'IAMUser',
        arn: call.caller.arn,
        accountId: call.caller.account,
        principalId: call.caller.userId,
      },
    });
    return { Credentials: credentials, AssumedRoleUser: user };
  },

  AssumeRoleWithWebIdentity: (call) => {
    const roleArn = need(call, 'RoleArn');
    const name = sessionName(call);
    const token = need(call, 'WebIdentityToken');
    const claims = tokens().readToken(token);
    if (!claims) {
      const expires = expiryOf(token);
      if (expires !== null && expires * 1000 <= call.world.now())
        throw new AwsFault(
          'ExpiredTokenException',
          400,
          'Token expired: current date/time must be before the expiration date/time',
        );
      throw new AwsFault(
        'InvalidIdentityToken',
        400,
        "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
      );
    }
    const role = assumeWithClaims(call.world, { roleArn, sessionName: name, claims });
    const seconds = durationOf(call, role, false);
    const session: Session = {
      roleArn: role.arn,
      roleId: role.id,
      name,
      policy: sessionPolicy(call),
      tags: {},
      transitive: [],
      expires: call.world.now() + seconds * 1000,
      web: true,
    };
    const { credentials, user, key } = issued(call, session);
    used(call, role);
    recordWeb(call.world, role, call.region, name, claims, key);
    return {
      Credentials: credentials,
      SubjectFromWebIdentityToken: claims.subject,
      AssumedRoleUser: user,
      Provider: `${role.arn.split(':role/')[0]}:oidc-provider/${claims.issuer.replace(/^https:\/\//, '')}`,
      Audience: claims.audiences[0],
    };
  },
});

/** The event that CloudTrail keeps of an exchange (CloudTrail user guide, userIdentity of web identity). */
export const recordWeb = (
  world: World,
  role: RoleRecord,
  region: string,
  name: string,
  claims: TokenClaims,
  key: string,
  at: number = world.now(),
): void => {
  const provider = claims.issuer.replace(/^https:\/\//, '');
  recordAssumption(world, {
    name: 'AssumeRoleWithWebIdentity',
    account: role.account,
    region,
    roleArn: role.arn,
    sessionName: name,
    accessKeyId: key,
    username: claims.subject,
    at,
    userIdentity: {
      type: 'WebIdentityUser',
      principalId: `${role.arn.split(':role/')[0]}:oidc-provider/${provider}:${claims.audiences[0] ?? ''}:${claims.subject}`,
      userName: claims.subject,
      identityProvider: `${role.arn.split(':role/')[0]}:oidc-provider/${provider}`,
    },
  });
};

const expiryOf = (token: string): number | null => {
  try {
    const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp?: unknown };
    return typeof payload.exp === 'number' ? payload.exp : null;
  } catch {
    return null;
  }
};

const listed = (call: QueryCall, name: string): string[] => {
  const found: string[] = [];
  for (let index = 1; call.params.has(`${name}.member.${index}`); index++)
    found.push(call.params.get(`${name}.member.${index}`) as string);
  return found;
};
const sessionTags = (call: QueryCall): Texts => {
  const found: [string, string][] = [];
  for (let index = 1; call.params.has(`Tags.member.${index}.Key`); index++)
    found.push([
      call.params.get(`Tags.member.${index}.Key`) as string,
      call.params.get(`Tags.member.${index}.Value`) ?? '',
    ]);
  return Object.fromEntries(found);
};
