import { describe, expect, it } from 'vitest';
import type { ClusterNode, Workload } from '../../src/model/inventory.js';
import type { JsonObject } from '../../src/model/json.js';
import { kubernetesRef } from '../../src/model/resource.js';
import { baseArnOf, brokerInstalls, sightBroker } from '../../src/scan/brokers.js';
import { parseCommandLine, splitWords } from '../../src/scan/command-line.js';
import { roleCandidates } from '../../src/scan/wanted-roles.js';

const ref = kubernetesRef('apps/v1', 'DaemonSet', 'kube-system', 'iam');
const sight = (image: string, args: readonly string[], labels: JsonObject = {}) =>
  sightBroker(ref, { metadata: { labels }, spec: { containers: [{ name: 'c', image, args }] } });

describe('a broker’s command line', () => {
  it.each<[readonly string[], Readonly<Record<string, string>>]>([
    [['--a=1', '--b', '2', '--iptables', '--c'], { a: '1', b: '2', c: 'true', iptables: 'true' }],
    [['--no-iptables-remove'], { 'iptables-remove': 'false' }],
    [['--iptables=false', '--iptables'], { iptables: 'true' }],
    [['--iptables', 'word'], { iptables: 'true' }],
    [['--host-interface', '!eth0'], { 'host-interface': '!eth0' }],
    [['--x=a=b'], { x: 'a=b' }],
    [['-region=eu'], { region: 'eu' }],
  ])('%j', (words, flags) => {
    expect(parseCommandLine(words).flags).toEqual(flags);
  });

  it('is read out of a shell script too', () => {
    expect(splitWords('exec /kiam server \\\n --role-base-arn="arn:aws:iam::1:role/" --x \'a b\'')).toEqual([
      'exec',
      '/kiam',
      'server',
      '--role-base-arn=arn:aws:iam::1:role/',
      '--x',
      'a b',
    ]);
  });
});

describe('which broker a container serves', () => {
  it.each([
    [
      'kiam v3',
      sight('quay.io/uswitch/kiam:v3.6.1', ['server', '--role-base-arn-autodetect']),
      { broker: 'kiam', component: 'server', rules: 'kiam-v3', version: '3.6.1', assumed: false },
    ],
    [
      'kiam from a mirror, with a registry port',
      sight('registry:5000/x/kiam:4.0', ['agent', '--host-interface=cali+']),
      { broker: 'kiam', component: 'agent', rules: 'kiam-v4' },
    ],
    [
      'kiam under another name',
      sight('example.com/iam-broker', ['server', '--role-base-arn=arn:aws:iam::1:role/']),
      { broker: 'kiam', component: 'server', rules: 'kiam-v4', assumed: true },
    ],
    [
      'kiam v3 by a flag of its own',
      sight('example.com/x@sha256:1', [
        'agent',
        '--host-interface=x',
        '--server-address=y',
        '--whitelist-route-regexp=z',
      ]),
      { broker: 'kiam', rules: 'kiam-v3', assumed: false },
    ],
    [
      'kube2iam',
      sight('jtblin/kube2iam:0.11.1', ['--auto-discover-base-arn', '--host-interface=eni+']),
      { broker: 'kube2iam', component: 'all', rules: 'kube2iam' },
    ],
    [
      'kube2iam under another name',
      sight('example.com/x', ['--host-interface=eni+', '--namespace-restrictions']),
      { broker: 'kube2iam' },
    ],
    ['zalando', sight('example.com/kube-aws-iam-controller:1', ['--debug']), { broker: 'zalando', rules: 'other' }],
    ['iam4kube', sight('ash2k/iam4kube:1', []), { broker: 'iam4kube' }],
  ])('%s', (_name, sighting, expected) => {
    expect(sighting).toMatchObject(expected);
  });

  it('is none for an application that only looks alike', () => {
    expect(sight('example.com/server:1', ['server', '--port=80'])).toBeNull();
    expect(sight('example.com/kiamat:1', ['run'])).toBeNull();
  });
});

describe('the base ARN', () => {
  const base = 'arn:aws:iam::111122223333:role/';
  it.each<['kiam' | 'kube2iam', Readonly<Record<string, string>>, string | null]>([
    ['kiam', { 'role-base-arn': 'arn:aws:iam::1:role/x' }, 'arn:aws:iam::1:role/x'],
    ['kiam', { 'role-base-arn-autodetect': 'true' }, base],
    ['kiam', {}, null],
    ['kube2iam', { 'base-role-arn': 'arn:aws:iam::1:role' }, 'arn:aws:iam::1:role/'],
    ['kube2iam', { 'auto-discover-base-arn': 'true' }, base],
    ['kube2iam', { 'auto-discover-base-arn': 'false' }, null],
    ['kube2iam', { 'base-role-arn': 'arn:aws:iam::1:role/', 'auto-discover-default-role': 'true' }, base],
  ])('of %s with %j', (broker, flags, expected) => {
    expect(baseArnOf({ broker, flags }, base)).toBe(expected);
  });

  it('is put before a name as each broker does it', () => {
    expect(roleCandidates('/app', [{ base, leadingSlash: 'goes' }])).toEqual([`${base}app`]);
    expect(roleCandidates('/app', [{ base, leadingSlash: 'stays' }])).toEqual([]);
    expect(roleCandidates('arn:aws:iam::999988887777:role/x', [{ base, leadingSlash: 'goes' }])).toEqual([
      'arn:aws:iam::999988887777:role/x',
    ]);
    expect(roleCandidates('', [{ base, leadingSlash: 'goes' }])).toEqual([]);
    expect(roleCandidates('x\u001b[31m', [{ base, leadingSlash: 'goes' }])).toEqual([]);
  });
});

describe('who assumes roles for pods', () => {
  const node = (name: string, role: string): ClusterNode => ({
    name,
    uid: name,
    instanceId: null,
    role,
    instanceProfile: null,
    compute: 'ec2',
    nodegroup: null,
    labels: {},
    taints: [],
    ready: true,
    agentReady: false,
  });
  const nodes = [node('a', 'arn:aws:iam::111122223333:role/one'), node('b', 'arn:aws:iam::111122223333:role/two')];
  const workload = (on: readonly string[]) =>
    ({
      ref,
      template: { namespace: 'kube-system', serviceAccount: 'sa' },
      pods: on.map((name) => ({ node: name, ready: name !== 'c' })),
    }) as unknown as Workload;
  const installs = (flags: Readonly<Record<string, string>>, own: string | null, on = ['a', 'b', 'c']) =>
    brokerInstalls(
      [{ ref, broker: 'kube2iam', component: 'all', version: '', rules: 'kube2iam', assumed: false, flags }],
      {
        workloads: [workload(on)],
        nodes,
        live: true,
        partition: 'aws',
        accountId: '111122223333',
        roleOfAccount: () => own,
      },
    ).map(({ assumer, nodes: held }) => [assumer, held]);

  it('is the role of each node, so that node pools with different roles are told apart', () => {
    expect(installs({}, null)).toEqual([
      ['arn:aws:iam::111122223333:role/one', ['a']],
      ['arn:aws:iam::111122223333:role/two', ['b']],
    ]);
  });
  it('is the broker’s own role where its service account has one', () => {
    expect(installs({}, 'arn:aws:iam::111122223333:role/own')).toEqual([
      ['arn:aws:iam::111122223333:role/own', ['a', 'b']],
    ]);
  });
  it('is not known where no pod of it is ready and nodes differ', () => {
    expect(installs({}, null, ['c'])).toEqual([[null, []]]);
  });
  it('is what kiam’s server assumes first', () => {
    const [install] = brokerInstalls(
      [
        {
          ref,
          broker: 'kiam',
          component: 'server',
          version: '',
          rules: 'kiam-v4',
          assumed: true,
          flags: { 'role-base-arn': 'arn:aws:iam::111122223333:role/', 'assume-role-arn': '/kiam-server' },
        },
      ],
      {
        workloads: [workload(['a'])],
        nodes,
        live: true,
        partition: 'aws',
        accountId: '111122223333',
        roleOfAccount: () => null,
      },
    );
    expect(install?.assumer).toBe('arn:aws:iam::111122223333:role/kiam-server');
  });
});
