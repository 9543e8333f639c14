import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/model/json.js';
import { textAt } from '../../src/model/json.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import type { Scenario } from '../../src/sandbox/scenario.js';
import { cniIdentities, estateOf, join, networkFaults, nodeIsReady, scaleUp, withoutAddon } from '../helpers/cni.js';
import { Story } from '../helpers/story.js';

const hour = 3600_000;
const account = '111122223333';
const cniPolicy = 'arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy';
const everything = { stages: ['retire'], soakMs: 0, acceptUnproven: ['all'] } as const;

/** Somebody else's hand in the account, past every client. */
const detachByHand = (sandbox: Sandbox, name: string): void => {
  const roles = sandbox.world.accounts.get(account)?.roles;
  const role = roles?.get(name.toLowerCase());
  if (roles && role)
    roles.set(name.toLowerCase(), { ...role, attached: role.attached.filter((arn) => arn !== cniPolicy) });
};
const attached = (sandbox: Sandbox, name: string): boolean =>
  sandbox.world.role(`arn:aws:iam::${account}:role/${name}`)?.attached.includes(cniPolicy) === true;
const nodeRoles = ['net-general-node', 'net-memory-node'] as const;
const stripped = (sandbox: Sandbox): boolean => nodeRoles.some((name) => !attached(sandbox, name));
const waitingPods = (sandbox: Sandbox): readonly string[] =>
  sandbox.view
    .list('v1', 'Pod', 'shop')
    .filter((pod) => JSON.stringify(pod.status).includes('ContainerCreating'))
    .map((pod) => textAt(pod, 'metadata', 'name') ?? '');
const codes = (result: { failures: readonly { error: { code: string } }[] }): readonly string[] => [
  ...new Set(result.failures.map(({ error }) => error.code)),
];

/** Through the cutover, and a day. */
const moved = async (scenario: Scenario) => {
  const story = await Story.begin(scenario);
  const plan = await story.plan();
  const cut = await story.apply(plan);
  expect(cut.failures).toEqual([]);
  await story.clock.advance(25 * hour);
  return { story, plan };
};
/** The same, with a node of each role that joined since and gave a pod an address. */
const ripe = async (scenario: Scenario) => {
  const made = await moved(scenario);
  for (const role of nodeRoles) join(made.story.sandbox, role);
  await made.story.clock.advance(60_000);
  await scaleUp(made.story, 9);
  await made.story.clock.advance(120_000);
  return made;
};

describe('a cluster whose nodes lose their policy too early', () => {
  it('really stops giving out addresses: new pods hang, new nodes do not become Ready', async () => {
    const story = await Story.begin(estateOf('cni'));
    for (const name of nodeRoles) detachByHand(story.sandbox, name);
    expect(networkFaults(story.sandbox)).toHaveLength(3);
    const node = join(story.sandbox, 'net-general-node');
    await scaleUp(story, 6);
    await story.clock.advance(300_000);
    expect(nodeIsReady(story.sandbox, node)).toBe(false);
    expect(waitingPods(story.sandbox)).toHaveLength(3);
  });
});

describe('the new role', () => {
  it.each([
    ['as an add-on', () => estateOf('cni')],
    ['self-managed', () => estateOf('cni', withoutAddon)],
  ])('is read once more before any pod gets it, and a bad one touches none: %s', async (_how, scenario) => {
    const story = await Story.begin(scenario());
    const plan = await story.plan();
    const pods = () => story.sandbox.identities('kube-system').map(({ uid }) => uid);
    const before = pods();
    await story.apply(plan, { stages: ['prepare'] });
    detachByHand(story.sandbox, 'net-kube-system-aws-node');
    const cut = await story.apply(plan, { stages: ['cutover'] });
    expect(codes(cut)).toEqual(['RL876']);
    expect(pods()).toEqual(before);
    expect(networkFaults(story.sandbox)).toEqual([]);
  });

  it('that looks right and does not work stops at the first node, which is brought back by itself', async () => {
    const story = await Story.begin(estateOf('cni'));
    const plan = await story.plan();
    await story.apply(plan, { stages: ['prepare'] });
    // A boundary that nobody planned: the role's policies and trust are as they must be, and it may do nothing.
    const roles = story.sandbox.world.accounts.get(account)?.roles;
    const role = roles?.get('net-kube-system-aws-node');
    if (roles && role)
      roles.set('net-kube-system-aws-node', { ...role, boundary: 'arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess' });
    const broken = new Set<string>();
    story.afterWrite = () => {
      for (const fault of networkFaults(story.sandbox)) broken.add(fault);
    };
    const cut = await story.apply(plan, { stages: ['cutover'], rolloutTimeoutMs: 120_000 });
    await story.clock.advance(120_000);
    expect(codes(cut)).toEqual(['RL875']);
    expect(new Set([...broken].map((text) => text.split(' ')[0])).size).toBeLessThanOrEqual(1);
    expect(networkFaults(story.sandbox)).toEqual([]);
    expect(cniIdentities(story.sandbox).every((text) => text.startsWith('node-role'))).toBe(true);
  });
});

describe('the policy stays on the node role', () => {
  it('while no node has joined since, unless a person says so', async () => {
    const { story, plan } = await moved(estateOf('cni'));
    const asked = await story.apply(plan, { stages: ['retire'] });
    expect(asked.exit).toBe(3);
    expect(asked.pauses.map(({ reason }) => reason)).toEqual(['no node has joined and become Ready since']);
    expect(stripped(story.sandbox)).toBe(false);
    await story.apply(plan, { stages: ['retire'], acceptUnproven: ['move:kube-system/aws-node'] });
    expect(nodeRoles.map((name) => attached(story.sandbox, name))).toEqual([false, false]);
  });

  it('within four hours of the restart, because the report is that late, and while it shows a use', async () => {
    const scenario = estateOf('cni', (estate) => {
      const web = estate.kubernetes.find(
        (object) => (object as { kind?: string }).kind === 'Deployment',
      ) as unknown as { spec: { template: { metadata: { annotations?: Record<string, string> } } } };
      web.spec.template.metadata.annotations = { 'sandbox.rolelift.dev/uses': 'ec2:CreateNetworkInterface' };
    });
    const story = await Story.begin(scenario);
    const plan = await story.plan();
    await story.apply(plan);
    await story.clock.advance(600_000);
    const early = await story.apply(plan, { stages: ['retire'], soakMs: 0 });
    expect(early.pauses.map(({ reason }) => reason).join('\n')).toContain('four hours late');
    await story.clock.advance(25 * hour);
    const late = await story.apply(plan, { stages: ['retire'], soakMs: 0 });
    expect(late.pauses.map(({ reason }) => reason).join('\n')).toContain(
      'still uses what it shall lose: ec2:CreateNetworkInterface',
    );
    expect(stripped(story.sandbox)).toBe(false);
  });

  it('while a pod of the CNI lives on it: the webhook passed one by', async () => {
    const { story, plan } = await ripe(estateOf('cni'));
    story.sandbox.cluster.setWebhook({ mode: 'skip' });
    join(story.sandbox, 'net-general-node');
    await story.clock.advance(120_000);
    const result = await story.apply(plan, everything);
    expect(result.exit).toBe(1);
    expect(stripped(story.sandbox)).toBe(false);
    expect(networkFaults(story.sandbox)).toEqual([]);
  });

  it('where it holds more than the CNI needs: a person edits it, and the run waits until it is edited', async () => {
    const statement = {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: [
            'ec2:AssignPrivateIpAddresses',
            'ec2:CreateNetworkInterface',
            'ec2:AttachNetworkInterface',
            's3:GetObject',
          ],
          Resource: '*',
        },
      ],
    };
    const { story, plan } = await ripe(
      estateOf('cni', (estate) => {
        for (const role of estate.accounts[account]?.roles ?? []) {
          if (role.name !== 'net-memory-node') continue;
          role.attached = role.attached.filter((name) => name !== 'AmazonEKS_CNI_Policy');
          role.inline.mixed = statement;
        }
      }),
    );
    const role = () => story.sandbox.world.role(`arn:aws:iam::${account}:role/net-memory-node`);
    const held = await story.apply(plan, { stages: ['retire'] });
    expect(held.pauses.map(({ reason }) => reason).join('\n')).toContain('still allows ec2:AssignPrivateIpAddresses');
    expect(role()?.inline.mixed).toBe(JSON.stringify(statement));
    const roles = story.sandbox.world.accounts.get(account)?.roles;
    const edited = { ...statement, Statement: [{ ...statement.Statement[0], Action: ['s3:GetObject'] }] };
    const now = role();
    if (roles && now) roles.set('net-memory-node', { ...now, inline: { mixed: JSON.stringify(edited) } });
    await story.clock.advance(5_000);
    for (const name of nodeRoles) join(story.sandbox, name);
    await story.clock.advance(60_000);
    await scaleUp(story, 14);
    await story.clock.advance(120_000);
    await story.apply(plan, { stages: ['retire'] });
    await story.clock.advance(5_000);
    for (const name of nodeRoles) join(story.sandbox, name);
    await story.clock.advance(60_000);
    await scaleUp(story, 20);
    await story.clock.advance(120_000);
    expect((await story.apply(plan, { stages: ['retire'] })).exit).toBe(0);
  });
});

describe('after the policy left', () => {
  const event = (sandbox: Sandbox): JsonObject => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `aws-node.${sandbox.clock.now()}`, namespace: 'kube-system' },
    reason: 'MissingIAMPermissions',
    message: 'Unauthorized operation: failed to call ec2:CreateNetworkInterface',
    lastTimestamp: new Date(sandbox.clock.now() + 1_000).toISOString(),
    involvedObject: { kind: 'Pod', namespace: 'kube-system', name: 'aws-node-x' },
  });

  it('an event MissingIAMPermissions brings it back by itself', async () => {
    const { story, plan } = await ripe(estateOf('cni'));
    let told = false;
    story.afterWrite = () => {
      if (told || !stripped(story.sandbox)) return;
      told = true;
      story.sandbox.view.put(event(story.sandbox));
    };
    const result = await story.apply(plan, { stages: ['retire'] });
    expect(told).toBe(true);
    expect(codes(result)).toEqual(['RL873']);
    expect(stripped(story.sandbox)).toBe(false);
  });

  it('a node that joins without the new role and does not come up brings it back, and then comes up', async () => {
    const { story, plan } = await ripe(estateOf('cni'));
    const first = await story.apply(plan, { stages: ['retire'] });
    expect(first.pauses.map(({ gate, reason }) => [gate, reason])).toEqual([
      [expect.stringContaining('new-node-after'), expect.anything()],
    ]);
    expect(first.exit).toBe(3);
    expect(stripped(story.sandbox)).toBe(true);
    await story.clock.advance(5_000);
    story.sandbox.cluster.setWebhook({ mode: 'skip' });
    const node = join(story.sandbox, 'net-general-node');
    await story.clock.advance(10 * 60_000);
    expect(nodeIsReady(story.sandbox, node)).toBe(false);
    const second = await story.apply(plan, { stages: ['retire'] });
    expect(codes(second)).toEqual(['RL873']);
    expect(stripped(story.sandbox)).toBe(false);
    await story.clock.advance(60_000);
    expect(nodeIsReady(story.sandbox, node)).toBe(true);
  });
});
