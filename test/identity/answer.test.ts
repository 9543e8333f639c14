import { describe, expect, it } from 'vitest';
import { admit } from '../../src/identity/admit.js';
import { answer, brokerOf, heldRole } from '../../src/identity/answer.js';
import { resolveRequested } from '../../src/identity/metadata.js';
import { worldOf } from '../../src/identity/world.js';
import type { Inventory } from '../../src/model/inventory.js';
import { statementFor } from '../../src/trust/statement.js';
import {
  account,
  arn,
  asking,
  association,
  clusterArn,
  container,
  estate,
  kiam,
  kube2iam,
  mayAssumeAll,
  node,
  nodeRole,
  pod,
  policy,
  provider,
  role,
  serviceAccount,
  trusting,
} from './estate.js';

const world = (extra: Partial<Inventory> = {}) => worldOf(estate(extra));
const on = (name: string) => ({ node: name });
const servers = [role('kiam-server', { inline: mayAssumeAll }), nodeRole];
const irsaTrust = policy(
  statementFor({ mechanism: 'irsa', providerArn: provider, namespace: 'payments', serviceAccount: 'api' }),
);
const irsaApp = role('app', { trust: irsaTrust });
const annotated = serviceAccount({ 'eks.amazonaws.com/role-arn': arn('app') });

describe('a pod that asks kiam', () => {
  it('gets the role that kiam may assume, and the node role if kiam goes', () => {
    const given = answer(asking('app'), world(), on('one'));
    expect(given).toMatchObject({ certainty: 'known', role: arn('app'), code: null });
    expect(given.wins?.source).toMatchObject({ kind: 'kiam', resolvedFrom: 'annotation' });
    expect(given.next.map((one) => [one.source.kind, one.role])).toEqual([['node-role', arn('node')]]);
    expect(heldRole(given)).toBe(arn('app'));
    expect(brokerOf(given)).toBe('kiam');
    expect(given.readFrom).toContain(`iam:${account}::Role:app`);
    expect(given.readFrom).toContain('kubernetes::/Namespace:/payments');
  });

  it('gets nothing without an annotation: kiam answers 404', () => {
    const given = answer(pod(), world(), on('one'));
    expect(given).toMatchObject({ certainty: 'known', role: null, wins: null, code: null });
    expect(given.next[0]?.source.kind).toBe('node-role');
  });

  it.each([
    ['the namespace denies', 'RL101', {}, { namespaces: [{ name: 'payments', uid: '', annotations: {}, labels: {} }] }],
    [
      'the expression is unusable',
      'RL104',
      {},
      {
        namespaces: [
          { name: 'payments', uid: '', annotations: { 'iam.amazonaws.com/permitted': '(?=x)' }, labels: {} },
        ],
      },
    ],
    ['the annotation is empty', 'RL103', { annotations: { 'iam.amazonaws.com/role': '' } }, {}],
    ['the role can never be one', 'RL103', { annotations: { 'iam.amazonaws.com/role': '//app' } }, {}],
    [
      'the role is missing',
      'RL103',
      { annotations: { 'iam.amazonaws.com/role': 'gone' } },
      { rolesMissing: [arn('gone')] },
    ],
    ['the role trusts somebody else', 'RL110', {}, { roles: [...servers, role('app', { trust: trusting(arn('x')) })] }],
    [
      'the server has no permission and only its account is trusted',
      'RL110',
      {},
      { roles: [role('kiam-server'), role('app', { trust: trusting(`arn:aws:iam::${account}:root`) })] },
    ],
    [
      'the server has no permission and the role is in another account',
      'RL110',
      { annotations: { 'iam.amazonaws.com/role': 'arn:aws:iam::999988887777:role/far' } },
      { roles: [role('kiam-server'), role('arn:aws:iam::999988887777:role/far')] },
    ],
    [
      'the server is denied',
      'RL110',
      {},
      {
        roles: [
          role('kiam-server', {
            inline: {
              a: policy(
                { Effect: 'Allow', Action: '*', Resource: '*' },
                { Effect: 'Deny', Action: 'sts:*', Resource: arn('app') },
              ),
            },
          }),
          role('app'),
        ],
      },
    ],
    [
      'the boundary forbids',
      'RL110',
      {},
      {
        roles: [role('kiam-server', { inline: mayAssumeAll, boundary: 'b' }), role('app')],
        policies: [{ arn: 'b', versionId: 'v1', document: policy({ Effect: 'Allow', Action: 's3:*', Resource: '*' }) }],
      },
    ],
    [
      'the trust wants an external id',
      'RL110',
      {},
      {
        roles: [
          ...servers,
          role('app', {
            trust: policy({
              Effect: 'Allow',
              Principal: { AWS: arn('kiam-server') },
              Action: 'sts:AssumeRole',
              Condition: { StringEquals: { 'sts:ExternalId': 'x' } },
            }),
          }),
        ],
      },
    ],
  ])('gets nothing where %s (%s)', (_, code, view, extra) => {
    const given = answer(asking('app', view), world(extra as Partial<Inventory>), on('one'));
    expect(given).toMatchObject({ certainty: 'known', role: null, wins: null, code });
    expect(given.refused[0]?.code).toBe(code);
    expect(heldRole(given)).toBeNull();
    expect(brokerOf(given)).toBe('kiam');
  });

  it('sends the external id of its annotation', () => {
    const trust = policy({
      Effect: 'Allow',
      Principal: { AWS: arn('kiam-server') },
      Action: 'sts:AssumeRole',
      Condition: { StringEquals: { 'sts:ExternalId': 'x', 'sts:RoleSessionName': 'kiam-job' } },
    });
    const view = asking('app', {
      annotations: { 'iam.amazonaws.com/external-id': 'x', 'iam.amazonaws.com/session-name': 'job' },
    });
    expect(heldRole(answer(view, world({ roles: [...servers, role('app', { trust })] }), on('one')))).toBe(arn('app'));
  });

  it.each([
    ['the role was not read', { roles: servers }],
    ['only its trust names the server', { roles: [role('kiam-server'), role('app')] }],
    ['the server’s own role was not read', { roles: [role('app')] }],
    ['the server’s principal is not known', { brokers: [kiam({ assumer: null })] }],
    ['the trust does not parse', { roles: [...servers, role('app', { trust: '{' })] }],
    [
      'a policy of the server was not read',
      { roles: [role('kiam-server', { attached: [`arn:aws:iam::${account}:policy/own`] }), role('app')] },
    ],
  ])('is not said to hold the role where %s', (_, extra) => {
    const given = answer(asking('app'), world(extra), on('one'));
    expect(given).toMatchObject({ certainty: 'unknown', code: 'RL110' });
    expect(heldRole(given)).toBeNull();
  });

  it('does not need the text of AWS’s narrow managed policies', () => {
    const server = role('kiam-server', {
      inline: mayAssumeAll,
      attached: ['arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy'],
    });
    expect(heldRole(answer(asking('app'), world({ roles: [server, role('app')] }), on('one')))).toBe(arn('app'));
  });

  it('takes offline what only an account could tell', () => {
    const offline = world({
      source: 'manifests',
      roles: [],
      oidcProviders: [],
      accounts: [],
      nodes: [],
      nodeRoles: [],
    });
    expect(heldRole(answer(asking('app'), offline))).toBe(arn('app'));
    expect(answer(asking('//app'), offline)).toMatchObject({ role: null, code: 'RL103' });
    const partly = world({ source: 'manifests', roles: [role('app')], brokers: [kiam({ assumer: null })] });
    expect(heldRole(answer(asking('app'), partly))).toBe(arn('app'));
    const refused = world({ source: 'manifests', roles: [role('app', { trust: trusting(arn('x')) })] });
    expect(answer(asking('app'), refused).code).toBe('RL110');
  });
});

describe('manifests that hold kiam’s server alone', () => {
  it('are taken to have an agent too; a live cluster is not', () => {
    const server = kiam({ component: 'server' });
    const asked = (source: 'manifests' | 'live') =>
      answer(asking('app'), world({ source, brokers: [server], nodes: source === 'live' ? [node('one')] : [] }));
    expect(heldRole(asked('manifests'))).toBe(arn('app'));
    expect(asked('live')).toMatchObject({ certainty: 'unknown', code: 'RL102' });
  });
});

describe('pods that pass the broker by', () => {
  it('have the node role where they use the node’s network', () => {
    const given = answer(asking('app', { hostNetwork: true }), world(), on('one'));
    expect(given).toMatchObject({ role: arn('node'), code: 'RL105' });
    expect(brokerOf(given)).toBe('node-role');
    expect(answer(pod({ hostNetwork: true }), world(), on('one')).code).toBeNull();
  });

  it('have the node role where no agent is on the node', () => {
    const some = world({ brokers: [kiam({ nodes: ['two'] })], nodes: [node('one'), node('two')] });
    expect(answer(asking('app'), some, on('one'))).toMatchObject({ role: arn('node'), code: 'RL111' });
    expect(answer(asking('app'), some, on('two'))).toMatchObject({ role: arn('app'), code: null });
    const anywhere = answer(asking('app'), some);
    expect(anywhere).toMatchObject({ certainty: 'unknown', role: null, code: 'RL111' });
    expect(
      answer(
        asking('app', { nodeSelector: { pool: 'b' } }),
        world({
          brokers: [kiam({ nodes: ['two'] })],
          nodes: [node('one'), node('two', { labels: { pool: 'b' } })],
        }),
      ),
    ).toMatchObject({ certainty: 'known', role: arn('app') });
  });

  it('are not said to run on nodes whose taint keeps them out', () => {
    const tainted = node('gpu', { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] });
    const some = world({ brokers: [kiam({ nodes: ['one'] })], nodes: [node('one'), tainted] });
    expect(answer(asking('app'), some)).toMatchObject({ certainty: 'known', role: arn('app') });
    const tolerating = asking('app', { scheduling: { tolerations: [{ operator: 'Exists' }] } });
    expect(answer(tolerating, some)).toMatchObject({ certainty: 'unknown', code: 'RL111' });
  });

  it('get nothing on Fargate, and nothing behind hop limit 1', () => {
    expect(
      answer(pod(), world({ brokers: [], nodes: [node('one', { compute: 'fargate' })] }), on('one')),
    ).toMatchObject({ role: null, wins: null });
    const closed = world({ brokers: [], nodes: [node('one', { hopLimit: 1 })] });
    expect(answer(pod(), closed, on('one'))).toMatchObject({ role: null, wins: null });
    expect(answer(pod({ hostNetwork: true }), closed, on('one')).role).toBe(arn('node'));
    expect(
      answer(pod(), world({ brokers: [], nodes: [node('one', { hopLimit: 1, imdsTokensRequired: false })] }), on('one'))
        .role,
    ).toBe(arn('node'));
  });

  it('get nothing where a Fargate profile takes them, and are not misled by nodes that only start', () => {
    const profile = { name: 'f', role: arn('fargate'), selectors: [{ namespace: 'pay*', labels: { tier: 'web' } }] };
    const some = world({ fargateProfiles: [profile] });
    expect(answer(asking('app', { labels: { tier: 'web' } }), some)).toMatchObject({ role: null, wins: null });
    expect(answer(asking('app'), some).role).toBe(arn('app'));
    const starting = world({
      brokers: [kiam({ nodes: ['one'] })],
      nodes: [node('one'), node('new', { ready: false })],
    });
    expect(answer(asking('app'), starting)).toMatchObject({ certainty: 'known', role: arn('app') });
  });

  it('have different node roles on different pools', () => {
    const pools = world({ brokers: [], nodes: [node('one'), node('two', { role: arn('node2') })] });
    expect(answer(pod(), pools)).toMatchObject({ certainty: 'unknown', role: null, code: null });
    expect(answer(pod(), pools, on('two')).role).toBe(arn('node2'));
  });
});

describe('brokers of which it is not known whose rules hold', () => {
  it.each([
    ['none', []],
    ['both', [kiam(), kube2iam()]],
    ['an agent without a server', [kiam({ component: 'agent' })]],
    ['servers with different bases', [kiam(), kiam({ baseArn: 'arn:aws:iam::999988887777:role/' })]],
    ['kube2iam installs with different flags', [kube2iam(), kube2iam({ baseArn: 'arn:aws:iam::999988887777:role/' })]],
  ])('%s', (_, brokers) => {
    const given = answer(asking('app'), world({ brokers }), on('one'));
    expect(given).toMatchObject({ certainty: 'unknown', role: null, code: 'RL102' });
    expect(heldRole(given)).toBeNull();
  });

  it('are no matter to pods that ask for nothing', () => {
    expect(answer(pod(), world({ brokers: [] }), on('one'))).toMatchObject({
      certainty: 'known',
      role: arn('node'),
      code: null,
    });
    expect(answer(pod(), world({ brokers: [kiam(), kube2iam()] }), on('one'))).toMatchObject({
      role: null,
      code: null,
    });
  });

  it('answer each on its own nodes', () => {
    const pools = world({
      brokers: [kiam({ nodes: ['one'] }), kube2iam({ nodes: ['two'] })],
      nodes: [node('one'), node('two')],
      roles: [...servers, role('app', { trust: trusting(arn('kiam-server'), arn('node')) })],
    });
    expect(answer(asking('app'), pools, on('one')).wins?.source.kind).toBe('kiam');
    expect(answer(asking('app'), pools, on('two')).wins?.source.kind).toBe('kube2iam');
    expect(answer(asking('app'), pools)).toMatchObject({ certainty: 'unknown', code: 'RL102' });
    expect(resolveRequested(asking('app'), pools)).toBe(arn('app'));
    expect(resolveRequested(asking('/app'), pools)).toBeNull();
  });
});

describe('a pod under kube2iam', () => {
  const nodeTrust = role('app', { trust: trusting(arn('node')) });
  const k2i = (flags: Record<string, string> = {}, extra: Partial<Inventory> = {}) =>
    world({ brokers: [kube2iam({ flags })], roles: [...servers, nodeTrust], ...extra });

  it('gets what the node may assume, without a namespace annotation', () => {
    const bare = { namespaces: [{ name: 'payments', uid: '', annotations: {}, labels: {} }] };
    expect(heldRole(answer(asking('app'), k2i({}, bare), on('one')))).toBe(arn('app'));
    expect(answer(asking('app'), k2i({ 'namespace-restrictions': 'true' }, bare), on('one'))).toMatchObject({
      role: null,
      code: 'RL101',
    });
  });

  it('does not hold a role that does not trust the node, whatever its annotation says', () => {
    const given = answer(asking('app'), k2i({}, { roles: [...servers, role('app')] }), on('one'));
    expect(given).toMatchObject({ role: null, code: 'RL110' });
  });

  it('gets the default role without any annotation', () => {
    const given = answer(pod(), k2i({ 'default-role': 'app' }), on('one'));
    expect(given.wins?.source).toMatchObject({ kind: 'kube2iam', resolvedFrom: 'default-role' });
    expect(heldRole(given)).toBe(arn('app'));
    expect(answer(pod(), k2i(), on('one'))).toMatchObject({ role: null, wins: null, code: null });
  });

  it('keeps the leading slash that kiam strips', () => {
    expect(answer(asking('/app'), k2i(), on('one'))).toMatchObject({ role: null, code: 'RL103' });
  });

  it('asks under its own key', () => {
    const view = pod({ annotations: { 'role.example/name': 'app' } });
    expect(heldRole(answer(view, k2i({ 'iam-role-key': 'role.example/name' }), on('one')))).toBe(arn('app'));
  });
});

describe('a pod with web identity', () => {
  const bound = (extra: Partial<Inventory> = {}) =>
    world({ serviceAccounts: [annotated], roles: [...servers, irsaApp], ...extra });
  const admitted = (view = asking('app'), extra: Partial<Inventory> = {}) =>
    answer(admit(view, bound(extra)), bound(extra), on('one'));

  it('has it before the broker that still answers', () => {
    const given = admitted(asking('app'), {
      roles: [
        ...servers,
        role('app', {
          trust: policy(...JSON.parse(irsaTrust).Statement, ...JSON.parse(trusting(arn('kiam-server'))).Statement),
        }),
      ],
    });
    expect(given).toMatchObject({ certainty: 'known', role: arn('app'), code: null });
    expect(given.readFrom).toEqual(
      expect.arrayContaining([
        'kubernetes::/ServiceAccount:payments/api',
        `eks:${account}:eu-west-1:PodIdentityAssociation:payments/api`,
        `iam:${account}::OIDCProvider:oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE`,
        `iam:${account}::Role:app`,
        'kubernetes::apps/DaemonSet:kube-system/kiam-server',
      ]),
    );
    expect(given.wins?.source).toEqual({ kind: 'web-identity', origin: 'webhook', audience: 'sts.amazonaws.com' });
    expect(given.next.map((one) => one.source.kind)).toEqual(['kiam', 'node-role']);
    expect(brokerOf(given)).toBe('irsa');
  });

  it('falls to the broker when the annotation is taken away again', () => {
    const before = world();
    const after = before.withEdits([
      {
        kind: 'service-account-annotations',
        namespace: 'payments',
        name: 'api',
        annotations: { 'eks.amazonaws.com/role-arn': arn('app') },
      },
    ]);
    expect(answer(admit(asking('app'), after), after, on('one')).refused[0]?.source.kind).toBe('web-identity');
    const back = after.withEdits([
      {
        kind: 'service-account-annotations',
        namespace: 'payments',
        name: 'api',
        annotations: { 'eks.amazonaws.com/role-arn': null },
      },
    ]);
    expect(answer(admit(asking('app'), back), back, on('one')).wins?.source.kind).toBe('kiam');
  });

  it.each([
    ['the provider is missing', { oidcProviders: [] }],
    [
      'the provider lacks the audience',
      { oidcProviders: [{ arn: provider, account, audiences: ['other'], tags: {} }] },
    ],
    [
      'the trust names another account',
      {
        roles: [
          ...servers,
          role('app', {
            trust: policy(
              statementFor({ mechanism: 'irsa', providerArn: provider, namespace: 'payments', serviceAccount: 'web' }),
            ),
          }),
        ],
      },
    ],
    ['the role is missing', { roles: servers, rolesMissing: [arn('app')] }],
  ])('does not have it where %s', (_, extra) => {
    const given = admitted(pod(), extra as Partial<Inventory>);
    expect(given.role).toBeNull();
    expect(given.refused[0]?.source.kind).toBe('web-identity');
  });

  it('does not know where the account could not be read', () => {
    const given = admitted(pod(), { oidcProviders: [], accounts: [] });
    expect(given).toMatchObject({ certainty: 'unknown', role: arn('app') });
    expect(heldRole(given)).toBeNull();
  });

  it('depends on the SDK where the exchange fails and something else would answer', () => {
    const given = answer(
      admit(asking('app'), world({ serviceAccounts: [annotated] })),
      world({ serviceAccounts: [annotated] }),
      on('one'),
    );
    expect(given.certainty).toBe('depends-on-sdk');
    expect(given.role).toBeNull();
    expect(given.reason).toContain('java-v2');
  });

  it('does not depend on it where the SDK is known', () => {
    const sdk = (family: 'go' | 'java-v2') =>
      worldOf(estate({ serviceAccounts: [annotated] }), { sdkOf: () => ({ family, blindTo: [] }) });
    expect(answer(admit(asking('app'), sdk('go')), sdk('go'), on('one'))).toMatchObject({
      certainty: 'known',
      role: null,
    });
    expect(answer(admit(asking('app'), sdk('java-v2')), sdk('java-v2'), on('one'))).toMatchObject({
      certainty: 'known',
      role: arn('app'),
    });
  });

  it('reads the SDK from the pod’s own annotation, container by container', () => {
    const both = [container({ name: 'a' }), container({ name: 'b' })];
    const told = (annotations: Record<string, string>, labels: Record<string, string> = {}) =>
      answer(
        admit(asking('app', { containers: both, annotations, labels }), world({ serviceAccounts: [annotated] })),
        world({ serviceAccounts: [annotated] }),
        on('one'),
      );
    expect(told({}).certainty).toBe('depends-on-sdk');
    expect(told({ 'rolelift.dev/sdk': 'go-v2/release-2023-11-14' })).toMatchObject({ certainty: 'known', role: null });
    expect(told({}, { 'rolelift.dev/sdk': 'java-v2_2.21.30' })).toMatchObject({ certainty: 'known', role: arn('app') });
    expect(told({ 'rolelift.dev/sdk.a': 'go-v1/1.50.0' }).certainty).toBe('depends-on-sdk');
    expect(told({ 'rolelift.dev/sdk.a': 'go-v1/1.50.0', 'rolelift.dev/sdk.b': 'boto3/1.35.0' }).certainty).toBe(
      'known',
    );
    expect(told({ 'rolelift.dev/sdk': 'kotlin/1.1.0' }).certainty).toBe('depends-on-sdk');
  });

  it('knows that an SDK older than web identity never looks at it: it goes on having the broker’s role', () => {
    const sees = (sdk: string) => {
      const bound = world({ serviceAccounts: [annotated], roles: [...servers, role('app'), irsaApp].slice(0, 3) });
      const view = asking('app', { annotations: { 'rolelift.dev/sdk': sdk } });
      return answer(admit(view, bound), bound, on('one'));
    };
    expect(sees('boto3/1.9.219')).toMatchObject({
      certainty: 'known',
      role: arn('app'),
      wins: { source: { kind: 'kiam' } },
    });
    expect(sees('boto3/1.9.220')).toMatchObject({ certainty: 'known', role: null });
  });

  it('takes one variable alone for no source', () => {
    const view = asking('app', { containers: [container({ identityEnv: { AWS_ROLE_ARN: arn('other') } })] });
    expect(answer(view, world(), on('one')).wins?.source.kind).toBe('kiam');
  });

  it('does not trust a token that the pod does not project', () => {
    const view = pod({
      containers: [container({ identityEnv: { AWS_ROLE_ARN: arn('app'), AWS_WEB_IDENTITY_TOKEN_FILE: '/x/token' } })],
    });
    expect(answer(view, bound(), on('one'))).toMatchObject({ certainty: 'unknown' });
  });

  it('finds the token behind a Windows path', () => {
    const view = pod({ nodeSelector: { 'kubernetes.io/os': 'windows' } });
    expect(answer(admit(view, bound()), bound(), on('one'))).toMatchObject({ certainty: 'known', role: arn('app') });
  });
});

describe('a pod with an association', () => {
  const podTrust = policy(
    statementFor({ mechanism: 'pod-identity', clusterArn, namespace: 'payments', serviceAccount: 'api' }),
  );
  const associated = (extra: Partial<Inventory> = {}) =>
    world({ associations: [association()], roles: [...servers, role('app', { trust: podTrust })], ...extra });
  const given = (extra: Partial<Inventory> = {}) =>
    answer(admit(pod(), associated(extra)), associated(extra), on('one'));

  it('has the association’s role', () => {
    expect(given()).toMatchObject({ certainty: 'known', role: arn('app') });
    expect(given().wins?.source).toEqual({ kind: 'container-credentials', origin: 'webhook', association: 'a-1' });
    expect(brokerOf(given())).toBe('pod-identity');
  });

  it.each([
    ['the node role may not call EKS', { roles: [role('node'), role('app', { trust: podTrust })] }],
    ['no agent is ready there', { nodes: [node('one', { agentReady: false })] }],
    [
      'the trust names another service account',
      {
        roles: [
          role('app', {
            trust: policy(
              statementFor({ mechanism: 'pod-identity', clusterArn, namespace: 'payments', serviceAccount: 'web' }),
            ),
          }),
        ],
      },
    ],
    ['the trust wants tags and none are sent', { associations: [association({ sessionTags: false })] }],
    [
      'the trust forgot sts:TagSession',
      {
        roles: [
          role('app', {
            trust: policy({
              Effect: 'Allow',
              Principal: { Service: 'pods.eks.amazonaws.com' },
              Action: 'sts:AssumeRole',
            }),
          }),
        ],
      },
    ],
    ['the role is missing', { roles: [], rolesMissing: [arn('app')] }],
  ])('has nothing where %s', (_, extra) => {
    expect(given(extra as Partial<Inventory>).role).toBeNull();
  });

  it('ends up as the target role, where the chain holds', () => {
    const target = 'arn:aws:iam::999988887777:role/target';
    const chain = (tagged: boolean, externalId: string) => ({
      associations: [association({ targetRole: target, externalId: 'e' })],
      roles: [
        role('app', {
          trust: podTrust,
          inline: {
            c: policy({
              Effect: 'Allow',
              Action: tagged ? ['sts:AssumeRole', 'sts:TagSession'] : 'sts:AssumeRole',
              Resource: target,
            }),
          },
        }),
        role(target, {
          trust: policy({
            Effect: 'Allow',
            Principal: { AWS: arn('app') },
            Action: ['sts:AssumeRole', 'sts:TagSession'],
            Condition: { StringEquals: { 'sts:ExternalId': externalId } },
          }),
        }),
      ],
    });
    expect(heldRole(given(chain(true, 'e')))).toBe(target);
    expect(heldRole(given(chain(false, 'e')))).toBeNull();
    expect(heldRole(given(chain(true, 'other')))).toBeNull();
  });

  it('loses to hard-coded web identity in most SDKs, and wins in one', () => {
    const both = associated({
      roles: [...servers, role('app', { trust: podTrust }), role('old', { trust: irsaTrust })],
    });
    const view = pod({
      containers: [
        container({
          identityEnv: { AWS_ROLE_ARN: arn('old'), AWS_WEB_IDENTITY_TOKEN_FILE: '/t/token' },
          mounts: [{ volume: 't', path: '/t' }],
        }),
      ],
      volumes: [{ name: 't', tokens: [{ audience: 'sts.amazonaws.com', path: 'token' }] }],
    });
    const mixed = answer(admit(view, both), both, on('one'));
    expect(mixed).toMatchObject({ certainty: 'depends-on-sdk', role: arn('old') });
    expect(mixed.next[0]?.role).toBe(arn('app'));
    expect(mixed.reason).toContain(`js-v2: ${arn('app')}`);
  });

  it('knows no role behind an address of its own', () => {
    const view = pod({
      containers: [container({ identityEnv: { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://127.0.0.1:8080/creds' } })],
    });
    expect(answer(view, associated(), on('one'))).toMatchObject({ certainty: 'unknown', role: null });
  });
});

describe('static keys and files', () => {
  it('come before every role', () => {
    const view = asking('app', { containers: [container({ env: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] })] });
    const given = answer(view, world(), on('one'));
    expect(given).toMatchObject({ certainty: 'known', role: null, code: 'RL109' });
    expect(brokerOf(given)).toBe('static-keys');
    expect(given.next.map((one) => one.source.kind)).toEqual(['kiam', 'node-role']);
  });

  it('may stand in a Secret, which is not read', () => {
    const view = asking('app', {
      containers: [container({ envFrom: [{ kind: 'Secret', name: 's', prefix: '', awsKeys: { is: 'absent' } }] })],
    });
    const given = answer(view, world(), on('one'));
    expect(given).toMatchObject({ role: arn('app'), code: null });
    expect(given.refused.map((one) => one.code)).toEqual(['RL109']);
    const prefixed = asking('app', {
      containers: [container({ envFrom: [{ kind: 'Secret', name: 's', prefix: 'DB_', awsKeys: { is: 'absent' } }] })],
    });
    expect(answer(prefixed, world(), on('one')).refused).toEqual([]);
  });

  it('come from a ConfigMap or a reference too', () => {
    const map = container({
      envFrom: [
        {
          kind: 'ConfigMap',
          name: 'c',
          prefix: 'AWS_',
          awsKeys: { is: 'value', value: ['ACCESS_KEY_ID', 'SECRET_ACCESS_KEY'] },
        },
      ],
    });
    expect(answer(pod({ containers: [map] }), world(), on('one')).wins?.source).toEqual({
      kind: 'static-keys',
      from: 'config-map',
    });
    const referred = container({
      envFromRef: [
        { variable: 'AWS_ACCESS_KEY_ID', kind: 'Secret' },
        { variable: 'AWS_SECRET_ACCESS_KEY', kind: 'Secret' },
      ],
    });
    expect(answer(pod({ containers: [referred] }), world(), on('one')).wins?.source).toEqual({
      kind: 'static-keys',
      from: 'secret',
    });
  });

  it('lets web identity go first in one SDK', () => {
    const bound = (sdk: 'dotnet-v3' | 'dotnet-v4') =>
      worldOf(estate({ serviceAccounts: [annotated], roles: [...servers, irsaApp] }), {
        sdkOf: () => ({ family: sdk, blindTo: [] }),
      });
    const view = pod({ containers: [container({ env: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] })] });
    expect(answer(admit(view, bound('dotnet-v3')), bound('dotnet-v3'), on('one')).role).toBe(arn('app'));
    expect(answer(admit(view, bound('dotnet-v4')), bound('dotnet-v4'), on('one')).role).toBeNull();
  });

  it('finds the role of zalando’s controller behind a mounted file', () => {
    const resource = {
      ref: {
        api: 'kubernetes' as const,
        apiVersion: 'zalando.org/v1',
        kind: 'AWSIAMRole',
        namespace: 'payments',
        name: 'creds',
      },
      raw: { spec: { roleReference: 'app' }, status: { roleARN: arn('app') } },
    };
    const view = pod({
      containers: [
        container({
          identityEnv: { AWS_SHARED_CREDENTIALS_FILE: '/meta/aws-iam/credentials.process' },
          mounts: [{ volume: 'v', path: '/meta/aws-iam' }],
        }),
      ],
      volumes: [{ name: 'v', tokens: [], secret: 'creds' }],
    });
    const given = answer(view, world({ objects: [resource] }), on('one'));
    expect(given).toMatchObject({ role: arn('app'), certainty: 'known' });
    expect(given.wins?.source).toEqual({
      kind: 'shared-file',
      path: '/meta/aws-iam/credentials.process',
      controller: 'zalando',
    });
    expect(answer(view, world(), on('one'))).toMatchObject({ role: null, certainty: 'unknown' });
    expect(brokerOf(given)).toBe('shared-file');
  });
});

describe('pods with several containers', () => {
  it('have one answer where those that get a role get the same', () => {
    const view = asking('app', {
      containers: [container(), container({ name: 'keys', env: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] })],
    });
    const given = answer(view, world(), on('one'));
    expect(given.role).toBe(arn('app'));
    expect(given.perContainer.map((one) => one.role)).toEqual([arn('app'), null]);
  });

  it('have none where they get different ones', () => {
    const bound = world({ serviceAccounts: [annotated], roles: [...servers, irsaApp, role('other')] });
    const view = asking('other', {
      containers: [container(), container({ name: 'b' })],
      annotations: { 'eks.amazonaws.com/skip-containers': 'b' },
    });
    const given = answer(admit(view, bound), bound, on('one'));
    expect(given).toMatchObject({ certainty: 'unknown', role: null });
    expect(given.perContainer.map((one) => one.role)).toEqual([arn('app'), arn('other')]);
  });
});

describe('what-if worlds', () => {
  it('answer for a broker that is gone and a trust that changed, and leave the first world as it was', () => {
    const now = world();
    const gone = now.withEdits([{ kind: 'broker-gone', broker: 'kiam' }]);
    expect(answer(pod(), gone, on('one')).role).toBe(arn('node'));
    const cut = now.withEdits([{ kind: 'set-trust', role: arn('app'), trust: trusting(arn('x')) }]);
    expect(answer(asking('app'), cut, on('one')).code).toBe('RL110');
    const removed = now.withEdits([{ kind: 'remove-role', arn: arn('app') }]);
    expect(answer(asking('app'), removed, on('one')).code).toBe('RL103');
    expect(heldRole(answer(asking('app'), now, on('one')))).toBe(arn('app'));
  });
});
