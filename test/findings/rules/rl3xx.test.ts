import { describe, expect, it } from 'vitest';
import { study } from '../../../src/findings/estate.js';
import { roleOwner } from '../../../src/findings/role-owner.js';
import type { JsonObject } from '../../../src/model/json.js';
import { defaultPlanOptions } from '../../../src/model/options.js';
import { aProposal, brief, type Judging, judge, judged } from '../../helpers/findings.js';
import {
  account,
  anInventory,
  anObject,
  aRole,
  aServiceAccount,
  asking,
  aWorkload,
  issuerHost,
  kiamServerRole,
  nodeRoleArn,
  otherAccount,
  policyText,
  providerArn,
  roleArn,
  trustOf,
  trustsAccount,
  trustsAws,
} from '../../helpers/inventory.js';

const plain = anInventory();
const estate = (app: Parameters<typeof aRole>[1] = {}, over: Parameters<typeof anInventory>[0] = {}) =>
  anInventory({
    roles: [...plain.roles, aRole('app', app)],
    serviceAccounts: [aServiceAccount('payments', 'api')],
    workloads: [aWorkload('api', { template: asking('app') })],
    ...over,
  });
const moved: Judging = { proposals: (of) => [aProposal(of, 'api')] };
const trusts = (...more: readonly JsonObject[]) => ({ trust: trustOf(trustsAws(kiamServerRole), ...more) });
const app = `${account}/app`;

describe('RL301 trust-too-large', () => {
  const quota = (size: number) => ({
    accounts: [{ id: account, quotas: { AssumeRolePolicySizeQuota: size }, credentials: 'default' }],
  });
  it('blocks what would not fit, with the size', () => {
    const found = judged('RL301', estate({}, quota(300)), moved);
    expect(brief(found)).toEqual([`block RL301:${app}`]);
    expect(found[0]?.evidence).toMatchObject({ limit: 300, moves: ['move:payments/api'] });
  });
  it('counts to the character', () => {
    const size = judged('RL301', estate({}, quota(10)), moved)[0]?.evidence.size as number;
    expect(judged('RL301', estate({}, quota(size)), moved)).toEqual([]);
    expect(judged('RL301', estate({}, quota(size - 1)), moved)).toHaveLength(1);
  });
  it('is silent for a role that is made anew, and for a text that is no policy', () => {
    expect(
      judged('RL301', estate({}, quota(300)), { proposals: (of) => [aProposal(of, 'api', { newRole: true })] }),
    ).toEqual([]);
    expect(judged('RL301', estate({ trust: '[]' }, quota(300)), moved)).toEqual([]);
  });
});

describe('RL302 trust-too-wide', () => {
  const web = (Condition?: object) =>
    ({
      Effect: 'Allow',
      Principal: { Federated: providerArn },
      Action: 'sts:AssumeRoleWithWebIdentity',
      ...(Condition ? { Condition } : {}),
    }) as never;
  it.each([
    ['no sub', web({ StringEquals: { [`${issuerHost}:aud`]: 'sts.amazonaws.com' } })],
    ['no aud', web({ StringEquals: { [`${issuerHost}:sub`]: 'system:serviceaccount:a:b' } })],
    [
      'a wildcard',
      web({
        StringLike: { [`${issuerHost}:sub`]: 'system:serviceaccount:*:*' },
        StringEquals: { [`${issuerHost}:aud`]: 'x' },
      }),
    ],
    [
      '* under StringEquals',
      web({ StringEquals: { [`${issuerHost}:sub`]: 'system:serviceaccount:a:*', [`${issuerHost}:aud`]: 'x' } }),
    ],
    ['no condition at all', web()],
  ])('warns: %s', (_name, statement) => {
    expect(brief(judged('RL302', estate(trusts(statement))))).toEqual([`warn RL302:${app}`]);
  });
  it('is silent for one service account, and for texts that cannot be read', () => {
    expect(judged('RL302', estate(trusts(trustsAccount('payments', 'api'))))).toEqual([]);
    expect(judged('RL302', estate({ trust: 'not json' }))).toEqual([]);
  });
});

describe('RL303 role-in-another-account', () => {
  const far = roleArn('far', otherAccount);
  const inventory = (credentials?: string, over = {}) =>
    estate(
      {},
      {
        roles: [...plain.roles, aRole('far', { account: otherAccount })],
        workloads: [aWorkload('api', { template: asking(far) })],
        accounts: [...plain.accounts, ...(credentials ? [{ id: otherAccount, quotas: {}, credentials }] : [])],
        ...over,
      },
    );
  it('blocks without credentials, and tells with them', () => {
    expect(brief(judged('RL303', inventory()))).toEqual([`block RL303:${otherAccount}/far`]);
    expect(brief(judged('RL303', inventory('profile:other')))).toEqual([`info RL303:${otherAccount}/far`]);
  });
  it('blocks nothing offline, and nothing in the own account', () => {
    expect(brief(judged('RL303', inventory(undefined, { source: 'manifests' })))).toEqual([
      `info RL303:${otherAccount}/far`,
    ]);
    expect(judged('RL303', estate())).toEqual([]);
  });
});

describe('RL304 role-not-modifiable', () => {
  it('blocks service-linked roles', () => {
    const inventory = estate(
      {},
      {
        roles: [...plain.roles, aRole('AWSServiceRoleForX', { path: '/aws-service-role/x.amazonaws.com/' })],
        workloads: [aWorkload('api', { template: asking('aws-service-role/x.amazonaws.com/AWSServiceRoleForX') })],
      },
    );
    expect(brief(judged('RL304', inventory))).toEqual([`block RL304:${account}/AWSServiceRoleForX`]);
  });
  it("blocks where the caller's own documents forbid it", () => {
    const caller = { arn: `arn:aws:sts::${account}:assumed-role/ops/me`, account, kubernetesUser: 'me' };
    const ops = (document: string) =>
      estate({}, { caller, roles: [...plain.roles, aRole('app'), aRole('ops', { inline: { p: document } })] });
    expect(judged('RL304', ops(policyText({ Effect: 'Deny', Action: 'iam:Update*', Resource: '*' })))).toHaveLength(1);
    expect(
      judged('RL304', ops(policyText({ Effect: 'Deny', Action: 'iam:Update*', Resource: roleArn('other') }))),
    ).toEqual([]);
    expect(judged('RL304', ops('{{'))).toEqual([]);
  });
  it('is silent for ordinary paths', () => {
    expect(judged('RL304', estate())).toEqual([]);
  });
});

describe('RL305 role-shared', () => {
  it('tells other clusters, principals and accounts', () => {
    const other = {
      Effect: 'Allow',
      Principal: { Federated: `arn:aws:iam::${account}:oidc-provider/other.example` },
      Action: 'sts:AssumeRoleWithWebIdentity',
    };
    const found = judged(
      'RL305',
      estate(
        trusts(other, { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }),
      ),
    );
    expect(brief(found)).toEqual([`info RL305:${app}`]);
    expect(found[0]?.evidence.principals).toEqual([
      `Federated arn:aws:iam::${account}:oidc-provider/other.example`,
      'Service lambda.amazonaws.com',
    ]);
  });
  it("is silent for the broker and this cluster's own provider", () => {
    expect(judged('RL305', estate(trusts(trustsAccount('payments', 'api'))))).toEqual([]);
  });
});

describe('RL306 oidc-provider-incomplete', () => {
  it('tells a missing provider and a missing audience', () => {
    expect(brief(judged('RL306', estate({}, { oidcProviders: [] })))).toEqual([`info RL306:${account}/${issuerHost}`]);
    const oidcProviders = [{ arn: providerArn, account, audiences: ['other'], tags: {} }];
    expect(judged('RL306', estate({}, { oidcProviders }))[0]?.evidence).toMatchObject({
      present: true,
      audience: 'sts.amazonaws.com',
    });
  });
  it('is silent where it is complete, and under Pod Identity', () => {
    expect(judged('RL306', estate())).toEqual([]);
    expect(judged('RL306', estate({}, { oidcProviders: [] }), { options: { target: 'pod-identity' } })).toEqual([]);
  });
});

describe('RL307 trust-not-restorable', () => {
  const dead = { trust: trustOf(trustsAws(kiamServerRole), trustsAws('AROAEXAMPLEEXAMPLE123')) };
  it('blocks the id of a deleted principal, and is never accepted', () => {
    const found = judged('RL307', estate(dead), moved);
    expect(brief(found)).toEqual([`block RL307:${app}`]);
    expect(found[0]?.evidence.principals).toEqual(['AROAEXAMPLEEXAMPLE123']);
    expect(() => judge(estate(dead), { options: { accept: [`RL307:${app}`] } })).toThrow(/cannot be accepted/);
  });
  it('blocks a document that nobody can read', () => {
    expect(judged('RL307', estate({ trust: '{"Statement":[1]}' }), moved)).toHaveLength(1);
  });
  it('is silent for ARNs, and for a role that is left alone', () => {
    expect(judged('RL307', estate(), moved)).toEqual([]);
    expect(judged('RL307', estate(dead), { proposals: (of) => [aProposal(of, 'api', { newRole: true })] })).toEqual([]);
  });
});

describe('RL308 role-managed-elsewhere', () => {
  const tool = (tags: Record<string, string>) => judged('RL308', estate({ tags }))[0]?.evidence.owner ?? 'none';
  it.each([
    ['cloudformation', { 'aws:cloudformation:stack-name': 's' }],
    ['eksctl', { 'alpha.eksctl.io/cluster-name': 'prod', 'aws:cloudformation:stack-name': 's' }],
    ['terraform', { ManagedBy: 'Terraform' }],
    ['terraform', { Terraform: 'true' }],
    ['ack', { 'services.k8s.aws/controller-version': 'iam-1' }],
    ['unknown', {}],
    ['unknown', { __proto__x: 'terraform', Terraform: 'false' }],
    ['none', { 'rolelift.dev/plan': 'p' }],
  ])('%s by its tags', (owner, tags) => {
    expect(tool(tags as unknown as Record<string, string>)).toBe(owner);
  });
  it("takes a person's word", () => {
    expect(judged('RL308', estate(), { options: { iac: [`${roleArn('app')}=none`] } })).toEqual([]);
    expect(judged('RL308', estate(), { options: { iac: ['arn:*=terraform'] } })[0]?.evidence.owner).toBe('terraform');
  });
  it("sees a controller's resource", () => {
    const raw = anObject('iam.services.k8s.aws/v1alpha1', 'Role', 'infra', 'r', { spec: { name: 'app' } });
    const inventory = estate({}, { objects: [raw] });
    const role = inventory.roles.find(({ name }) => name === 'app');
    expect(roleOwner(role as NonNullable<typeof role>, study(inventory), defaultPlanOptions)).toMatchObject({
      tool: 'ack',
      ref: 'infra/r',
    });
  });
});

describe('RL309 node-role-not-reusable', () => {
  it('blocks a move that would bind a node role', () => {
    const inventory = estate({}, { workloads: [aWorkload('api', { template: asking('nodes') })] });
    expect(brief(judged('RL309', inventory, moved))).toEqual([`block RL309:${account}/nodes`]);
  });
  it('is silent where the node role is only what a new role comes from', () => {
    const proposals: Judging = {
      proposals: (of) => [
        aProposal(of, 'api', {
          newRole: true,
          from: { broker: 'node-role', role: nodeRoleArn },
          to: { role: roleArn('cni') },
        }),
      ],
    };
    expect(judged('RL309', estate(), proposals)).toEqual([]);
    expect(judged('RL309', estate(), moved)).toEqual([]);
  });
});

describe('RL310 named-by-arn', () => {
  const anew: Judging = { proposals: (of) => [aProposal(of, 'api', { newRole: true, to: { role: roleArn('new') } })] };
  it('blocks a new role until a person has accepted it, and says where the old one is named', () => {
    const inventory = estate(
      {},
      { roles: [...plain.roles, aRole('app'), aRole('data', { trust: trustOf(trustsAws(roleArn('app'))) })] },
    );
    const [found] = judged('RL310', inventory, anew);
    expect(found).toMatchObject({ severity: 'block', acceptedBy: null });
    expect(found?.evidence.namedBy).toEqual([`trust policy of ${roleArn('data')}`]);
    expect(
      judged('RL310', inventory, { ...anew, options: { accept: [`RL310:${app}`] } })[0]?.acceptedBy,
    ).not.toBeNull();
  });
  it('does not take a longer ARN for this one', () => {
    const inventory = estate(
      {},
      { roles: [...plain.roles, aRole('app'), aRole('data', { trust: trustOf(trustsAws(roleArn('app-2'))) })] },
    );
    expect(judged('RL310', inventory, anew)[0]?.evidence.namedBy).toEqual([]);
  });
  it('is silent where the role stays', () => {
    expect(judged('RL310', estate(), moved)).toEqual([]);
  });
});
