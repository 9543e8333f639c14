import { describe, expect, it } from 'vitest';
import { brief, judge, judged } from '../../helpers/findings.js';
import {
  aBroker,
  aContainer,
  account,
  aKube2iam,
  aNode,
  anInventory,
  aPod,
  aRole,
  asking,
  aView,
  aWorkload,
  nodeRoleArn,
  policyText,
  roleArn,
  trustOf,
  trustsAws,
} from '../../helpers/inventory.js';

const plain = anInventory();
const withApp = (over: Parameters<typeof anInventory>[0] = {}) =>
  anInventory({
    roles: [...plain.roles, aRole('app')],
    workloads: [aWorkload('api', { template: asking('app') })],
    ...over,
  });
const namespace = (annotations: Record<string, string>) => [{ name: 'payments', uid: 'u', annotations, labels: {} }];
const hostileName = '"><script>\u001b[31m';

describe('a plain kiam workload', () => {
  it('has nothing that blocks it', () => {
    expect(judge(withApp()).filter(({ severity }) => severity === 'block')).toEqual([]);
  });
});

describe('RL101 broker-denies-role', () => {
  it('blocks a role that the namespace does not permit', () => {
    const found = judged('RL101', withApp({ namespaces: namespace({ 'iam.amazonaws.com/permitted': '.*/other' }) }));
    expect(brief(found)).toEqual(['block RL101:payments/api']);
    expect(found[0]?.evidence).toMatchObject({ permitted: '.*/other', role: roleArn('app') });
  });
  it('blocks where the namespace says nothing', () => {
    expect(judged('RL101', withApp({ namespaces: namespace({}) }))).toHaveLength(1);
  });
  it('is silent where the pattern matches', () => {
    expect(judged('RL101', withApp({ namespaces: namespace({ 'iam.amazonaws.com/permitted': '.*/app' }) }))).toEqual(
      [],
    );
  });
  it('takes a namespace called __proto__ for what it is', () => {
    const template = asking('app', { namespace: '__proto__' });
    expect(brief(judged('RL101', withApp({ workloads: [aWorkload('api', { template })] })))).toEqual([
      'block RL101:__proto__/api',
    ]);
  });
});

describe('RL102 broker-unknown', () => {
  it('blocks an annotation that nobody is known to serve', () => {
    expect(brief(judged('RL102', withApp({ brokers: [] })))).toEqual(['block RL102:payments/api']);
  });
  it('blocks where both brokers answer', () => {
    expect(judged('RL102', withApp({ brokers: [aBroker(), aKube2iam({ nodes: ['node-1'] })] }))).toHaveLength(1);
  });
  it('is silent with one broker, and for workloads that ask for nothing', () => {
    expect(judged('RL102', withApp())).toEqual([]);
    expect(judged('RL102', withApp({ brokers: [], workloads: [aWorkload('api')] }))).toEqual([]);
  });
  it('repeats a hostile annotation only inside its message', () => {
    const [found] = judged(
      'RL102',
      withApp({ brokers: [], workloads: [aWorkload('api', { template: asking(hostileName) })] }),
    );
    expect(found?.evidence.annotation).toBe(hostileName);
    expect(found?.id).toBe('RL102:payments/api');
  });
});

describe('RL103 role-missing', () => {
  const text = (role: string, over: Parameters<typeof anInventory>[0] = {}) =>
    judged('RL103', withApp({ workloads: [aWorkload('api', { template: asking(role) })], ...over }));
  it('blocks a role that the account does not have', () => {
    expect(brief(text('ghost', { rolesMissing: [roleArn('ghost')] }))).toEqual(['block RL103:payments/api']);
  });
  it('blocks an empty text, which can never be a role', () => {
    expect(text('')).toHaveLength(1);
  });
  it('is silent for a role that is there', () => {
    expect(text('app')).toEqual([]);
  });
});

describe('RL104 pattern-unusable', () => {
  it('blocks a pattern that RE2 does not know', () => {
    const found = judged('RL104', withApp({ namespaces: namespace({ 'iam.amazonaws.com/permitted': '(?=app)' }) }));
    expect(brief(found)).toEqual(['block RL104:payments/api']);
  });
  it('is silent for one that it knows and JavaScript does not', () => {
    expect(
      judged('RL104', withApp({ namespaces: namespace({ 'iam.amazonaws.com/permitted': '(?i).*/APP\\z' }) })),
    ).toEqual([]);
  });
  it('does not hang on a pattern made to', () => {
    const found = judge(
      withApp({ namespaces: namespace({ 'iam.amazonaws.com/permitted': `${'(a*)*'.repeat(50)}b` }) }),
    );
    expect(found.some(({ code }) => code === 'RL101' || code === 'RL104')).toBe(true);
  });
});

describe('RL105 host-network-bypass', () => {
  it('blocks an annotated pod on the host network', () => {
    const template = asking('app', { hostNetwork: true });
    expect(brief(judged('RL105', withApp({ workloads: [aWorkload('api', { template })] })))).toEqual([
      'block RL105:payments/api',
    ]);
  });
  it('is silent without an annotation, and without a host network', () => {
    expect(
      judged('RL105', withApp({ workloads: [aWorkload('api', { template: aView({ hostNetwork: true }) })] })),
    ).toEqual([]);
    expect(judged('RL105', withApp())).toEqual([]);
  });
  it('is accepted by its exact subject only', () => {
    const inventory = withApp({ workloads: [aWorkload('api', { template: asking('app', { hostNetwork: true }) })] });
    expect(judged('RL105', inventory, { options: { accept: ['RL105:payments/api'] } })[0]?.acceptedBy).toBe(
      '--accept RL105:payments/api',
    );
    expect(() => judge(inventory, { options: { accept: ['RL105:payments/*'] } })).toThrow(/exact subject/);
  });
});

describe('RL106 default-role', () => {
  const inventory = (flags: Record<string, string>) =>
    withApp({
      roles: [
        ...plain.roles,
        aRole('default', { trust: trustOf(trustsAws(nodeRoleArn)) }),
        aRole('nodes', {
          inline: { assume: policyText({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }) },
        }),
      ],
      brokers: [aKube2iam({ flags: { 'base-role-arn': `arn:aws:iam::${account}:role/`, ...flags } })],
      workloads: [aWorkload('quiet')],
    });
  it('tells every workload that has the default role unasked', () => {
    const found = judged('RL106', inventory({ 'default-role': 'default' }));
    expect(brief(found)).toEqual(['warn RL106:payments/quiet']);
    expect(found[0]?.evidence).toEqual({ role: roleArn('default'), included: false });
  });
  it('says that it is included where it was asked for', () => {
    expect(
      judged('RL106', inventory({ 'default-role': 'default' }), { options: { include: ['default-role'] } })[0]?.evidence
        .included,
    ).toBe(true);
  });
  it('is silent without a default role', () => {
    expect(judged('RL106', inventory({}))).toEqual([]);
  });
});

describe('RL107 session-attributes-lost', () => {
  it('warns of session names and external ids, without repeating the id', () => {
    const template = asking('app', {
      annotations: { 'iam.amazonaws.com/session-name': 's', 'iam.amazonaws.com/external-id': 'hush' },
    });
    const found = judged('RL107', withApp({ workloads: [aWorkload('api', { template })] }));
    expect(brief(found)).toEqual(['warn RL107:payments/api']);
    expect(JSON.stringify(found)).not.toContain('hush');
  });
  it('names policies that test how a session came to be', () => {
    const inline = {
      own: policyText({
        Effect: 'Allow',
        Action: 's3:*',
        Resource: '*',
        Condition: { StringLike: { 'aws:userid': '*:kiam-*' } },
      }),
    };
    const found = judged('RL107', withApp({ roles: [...plain.roles, aRole('app', { inline })] }));
    expect(found[0]?.evidence.policies).toEqual([{ where: 'own', keys: ['aws:userid'] }]);
  });
  it('is silent for policies that test other keys, and for documents that cannot be read', () => {
    const inline = {
      plain: policyText({
        Effect: 'Allow',
        Action: 's3:*',
        Resource: '*',
        Condition: { Bool: { 'aws:SecureTransport': 'true' } },
      }),
      broken: '{"Statement": [',
    };
    expect(judged('RL107', withApp({ roles: [...plain.roles, aRole('app', { inline })] }))).toEqual([]);
  });
});

describe('RL108 annotation-without-effect', () => {
  const own = { ownAnnotations: { 'iam.amazonaws.com/role': 'app' } };
  it('tells an annotation that stands on the owner only', () => {
    expect(brief(judged('RL108', withApp({ workloads: [aWorkload('api', own)] })))).toEqual([
      'info RL108:payments/api',
    ]);
  });
  it('is silent where the template has it too, and for bare pods', () => {
    expect(judged('RL108', withApp({ workloads: [aWorkload('api', { ...own, template: asking('app') })] }))).toEqual(
      [],
    );
    expect(judged('RL108', withApp({ workloads: [aWorkload('api', { ...own, kind: 'Pod' })] }))).toEqual([]);
  });
  it('knows the key that kube2iam was told, and no other', () => {
    const brokers = [aKube2iam({ flags: { 'iam-role-key': 'corp/role' } })];
    const inventory = (key: string) =>
      withApp({ brokers, workloads: [aWorkload('api', { ownAnnotations: { [key]: 'app' } })] });
    expect(judged('RL108', inventory('corp/role'))).toHaveLength(1);
    expect(judged('RL108', inventory('constructor'))).toEqual([]);
  });
});

describe('RL109 static-keys-win', () => {
  const with_ = (container: Parameters<typeof aContainer>[0]) =>
    judged(
      'RL109',
      withApp({ workloads: [aWorkload('api', { template: asking('app', { containers: [aContainer(container)] }) })] }),
    );
  it('warns of keys in the template', () => {
    expect(brief(with_({ env: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] }))).toEqual(['warn RL109:payments/api']);
  });
  it('tells that a Secret may hold some', () => {
    const envFrom = [
      { kind: 'Secret' as const, name: 's', prefix: '', awsKeys: { is: 'unreadable' as const, gap: 'never read' } },
    ];
    expect(brief(with_({ envFrom }))).toEqual(['info RL109:payments/api']);
  });
  it('is silent for a ConfigMap without keys and for other variables', () => {
    const envFrom = [
      { kind: 'ConfigMap' as const, name: 'c', prefix: '', awsKeys: { is: 'value' as const, value: [] } },
    ];
    expect(with_({ env: ['AWS_ACCESS_KEY_ID_FILE'], envFrom })).toEqual([]);
  });
});

describe('RL110 broker-cannot-assume', () => {
  const foreign = aRole('app', {
    trust: trustOf({ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }),
  });
  it("blocks a role that does not trust the broker's principal", () => {
    expect(brief(judged('RL110', withApp({ roles: [...plain.roles, foreign] })))).toEqual(['block RL110:payments/api']);
  });
  it('is never accepted', () => {
    expect(() =>
      judge(withApp({ roles: [...plain.roles, foreign] }), { options: { accept: ['RL110:payments/api'] } }),
    ).toThrow(/cannot be accepted/);
  });
  it('is silent where it does, and offline', () => {
    expect(judged('RL110', withApp())).toEqual([]);
    expect(judged('RL110', withApp({ source: 'manifests', roles: [] }))).toEqual([]);
  });
  it('blocks where the trust policy is no JSON at all', () => {
    expect(judged('RL110', withApp({ roles: [...plain.roles, aRole('app', { trust: '{"Statement"' })] }))).toHaveLength(
      1,
    );
  });
});

describe('RL111 broker-absent-on-node', () => {
  it('blocks pods on a node without an agent', () => {
    const template = asking('app');
    const inventory = withApp({
      nodes: [aNode('node-1'), aNode('node-2', { labels: { only: 'here' } })],
      workloads: [aWorkload('api', { template, pods: [aPod('p', { view: template, node: 'node-2' })] })],
    });
    const found = judged('RL111', inventory);
    expect(brief(found)).toEqual(['block RL111:payments/api']);
    expect(found[0]?.evidence).toMatchObject({ nodes: ['node-2'], pods: ['p'] });
  });
  it('is silent where an agent is ready', () => {
    expect(judged('RL111', withApp())).toEqual([]);
  });
});

describe('RL112 role-not-held', () => {
  it('blocks where only some pods have the role', () => {
    const template = asking('app');
    const inventory = withApp({
      roles: [...plain.roles, aRole('app'), aRole('old')],
      workloads: [
        aWorkload('api', { template, pods: [aPod('a', { view: template }), aPod('b', { view: asking('old') })] }),
      ],
    });
    expect(brief(judged('RL112', inventory))).toEqual(['block RL112:payments/api']);
  });
  it('is silent where all have it', () => {
    expect(judged('RL112', withApp())).toEqual([]);
  });
});
