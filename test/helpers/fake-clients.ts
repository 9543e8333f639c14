import { AwsError } from '../../src/model/aws-error.js';
import { RoleliftError } from '../../src/model/error.js';
import { type JsonObject, textAt } from '../../src/model/json.js';
import type { AwsReader, KubernetesReader, ReadClients } from '../../src/model/ports.js';
import { groupOf, type KubernetesRef } from '../../src/model/resource.js';

/** Clients over objects in memory, for rooms that only look. Every call is noted. */
export interface FakeWorld {
  readonly objects?: readonly JsonObject[];
  /** Objects of other contexts (a management cluster). */
  readonly contexts?: Readonly<Record<string, readonly JsonObject[]>>;
  /** Kinds whose list is refused for the whole cluster (403), or `Kind:namespace` for one. */
  readonly forbidden?: readonly string[];
  readonly discovery?: JsonObject | null;
  /** Answers by account and operation (`iam:GetRole`); undefined is NoSuchEntity, a thrown error is that. */
  readonly aws?: Readonly<Record<string, FakeAccount>>;
  /** Account of the default credentials. */
  readonly account?: string;
  readonly region?: string;
}
export type FakeAccount = Readonly<Record<string, (input: JsonObject, region: string) => JsonObject | undefined>>;

export interface FakeClients extends ReadClients {
  readonly calls: string[];
}

const forbiddenError = (what: string): RoleliftError =>
  new RoleliftError({ code: 'RL703', message: `${what} is forbidden`, remedy: 'Ask for the right.', fault: 'user' });

export const awsError = (errorName: string, status = 400): AwsError =>
  new AwsError(
    { code: 'RL721', message: errorName, cause: '', remedy: '', fault: 'remote' },
    { errorName, status, service: 'any', operation: 'any' },
  );

export const fakeClients = (world: FakeWorld): FakeClients => {
  const calls: string[] = [];
  const forbidden = new Set(world.forbidden ?? []);
  const reader = (objects: readonly JsonObject[]): KubernetesReader => {
    const same = (object: JsonObject, apiVersion: string, kind: string): boolean =>
      object['kind'] === kind && groupOf(textAt(object, 'apiVersion') ?? '') === groupOf(apiVersion);
    return {
      get: async (ref: KubernetesRef) => {
        calls.push(`get ${ref.kind}`);
        if (forbidden.has(ref.kind)) throw forbiddenError(ref.kind);
        return (
          objects.find(
            (object) =>
              same(object, ref.apiVersion, ref.kind) &&
              textAt(object, 'metadata', 'name') === ref.name &&
              textAt(object, 'metadata', 'namespace') === ref.namespace,
          ) ?? null
        );
      },
      async *list(apiVersion, kind, options = {}) {
        calls.push(`list ${kind}`);
        if (forbidden.has(kind) && options.namespace === undefined) throw forbiddenError(kind);
        if (options.namespace !== undefined && forbidden.has(`${kind}:${options.namespace}`))
          throw forbiddenError(kind);
        for (const object of objects) {
          if (!same(object, apiVersion, kind)) continue;
          if (options.namespace !== undefined && textAt(object, 'metadata', 'namespace') !== options.namespace)
            continue;
          // Items of a list carry neither apiVersion nor kind.
          const { apiVersion: _apiVersion, kind: _kind, ...item } = object;
          yield item;
        }
      },
      allowed: async () => true,
      serves: async (apiVersion, kind) => objects.some((object) => same(object, apiVersion, kind)),
      rolledOut: async () => undefined,
      podsOf: async () => [],
      version: async () => '1.33.0',
      whoAmI: async () => 'tester',
      getPath: async () => world.discovery ?? null,
    };
  };
  const home = reader(world.objects ?? []);
  const account = world.account ?? '111122223333';
  const aws = (id: string): AwsReader => {
    const whose = id === '' ? account : id;
    const region = world.region ?? 'eu-west-1';
    return {
      account: id,
      region,
      call: async (service, operation, input, options) => {
        calls.push(`${whose} ${service}:${operation}`);
        const answers = world.aws?.[whose];
        if (answers === undefined)
          throw new RoleliftError({
            code: 'RL705',
            message: `no credentials for account ${whose}`,
            remedy: 'Name some.',
            fault: 'user',
          });
        if (operation === 'GetCallerIdentity')
          return { Account: whose, Arn: `arn:aws:sts::${whose}:assumed-role/admin/tester` };
        const answer = answers[`${service}:${operation}`];
        if (answer === undefined) throw awsError('AccessDenied', 403);
        const found = answer(input, options?.region ?? region);
        if (found === undefined) throw awsError('NoSuchEntity', 404);
        return found;
      },
    };
  };
  return {
    calls,
    kubernetes: (context) => (context === undefined ? home : reader(world.contexts?.[context] ?? [])),
    aws,
    serverTime: () => null,
  };
};

/** IAM of an account, from roles written down briefly. */
export interface FakeRole {
  readonly arn: string;
  readonly trust: JsonObject;
  readonly attached?: readonly string[];
  readonly inline?: Readonly<Record<string, JsonObject>>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly profiles?: readonly string[];
}

const nameIn = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1);

export const fakeIam = (
  roles: readonly FakeRole[],
  more: {
    readonly policies?: Readonly<Record<string, JsonObject>>;
    readonly providers?: Readonly<Record<string, readonly string[]>>;
  } = {},
): FakeAccount => {
  const roleOf = (input: JsonObject): FakeRole | undefined =>
    roles.find(({ arn }) => nameIn(arn).toLowerCase() === String(input['RoleName']).toLowerCase());
  const policies = more.policies ?? {};
  const providers = more.providers ?? {};
  return {
    'iam:GetRole': (input) => {
      const role = roleOf(input);
      if (role === undefined) return undefined;
      const resource = role.arn.slice(role.arn.indexOf(':role') + 5);
      return {
        Role: {
          Arn: role.arn,
          RoleName: nameIn(role.arn),
          RoleId: `AROA${nameIn(role.arn).toUpperCase()}`,
          Path: resource.slice(0, resource.lastIndexOf('/') + 1),
          AssumeRolePolicyDocument: encodeURIComponent(JSON.stringify(role.trust)),
          MaxSessionDuration: 3600,
          Tags: Object.entries(role.tags ?? {}).map(([Key, Value]) => ({ Key, Value })),
        },
      };
    },
    'iam:ListAttachedRolePolicies': (input) => {
      const all = roleOf(input)?.attached ?? [];
      // Two pages, so that a reader that forgets the marker is found out.
      const from = Number(input['Marker'] ?? 0);
      const next = from + 1;
      return {
        AttachedPolicies: all.slice(from, next).map((PolicyArn) => ({ PolicyArn, PolicyName: nameIn(PolicyArn) })),
        IsTruncated: next < all.length,
        ...(next < all.length ? { Marker: String(next) } : {}),
      };
    },
    'iam:ListRolePolicies': (input) => ({ PolicyNames: Object.keys(roleOf(input)?.inline ?? {}), IsTruncated: false }),
    'iam:GetRolePolicy': (input) => {
      const document = roleOf(input)?.inline?.[String(input['PolicyName'])];
      return document === undefined ? undefined : { PolicyDocument: encodeURIComponent(JSON.stringify(document)) };
    },
    'iam:GetPolicy': (input) =>
      policies[String(input['PolicyArn'])] === undefined ? undefined : { Policy: { DefaultVersionId: 'v3' } },
    'iam:GetPolicyVersion': (input) => ({
      PolicyVersion: { Document: encodeURIComponent(JSON.stringify(policies[String(input['PolicyArn'])])) },
    }),
    'iam:ListOpenIDConnectProviders': () => ({
      OpenIDConnectProviderList: Object.keys(providers).map((Arn) => ({ Arn })),
    }),
    'iam:GetOpenIDConnectProvider': (input) => ({
      ClientIDList: [...(providers[String(input['OpenIDConnectProviderArn'])] ?? [])],
      Tags: [],
    }),
    'iam:GetAccountSummary': () => ({ SummaryMap: { AssumeRolePolicySizeQuota: 2048, Roles: roles.length } }),
    'iam:GetInstanceProfile': (input) => {
      const role = roles.find(({ profiles }) => profiles?.includes(String(input['InstanceProfileName'])) === true);
      return { InstanceProfile: { Roles: role === undefined ? [] : [{ Arn: role.arn }] } };
    },
    'iam:ListInstanceProfilesForRole': (input) => ({
      InstanceProfiles: (roleOf(input)?.profiles ?? []).map((InstanceProfileName) => ({ InstanceProfileName })),
      IsTruncated: false,
    }),
  };
};
