import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/model/json.js';
import type { PlanOptions } from '../../src/model/options.js';
import type { Plan } from '../../src/model/plan.js';
import type { Scenario } from '../../src/sandbox/scenario.js';
import {
  cniIdentities,
  estateOf,
  join,
  networkFaults,
  nodeIsReady,
  podIdentity,
  scaleUp,
  withAgent,
  withoutAddon,
} from '../helpers/cni.js';
import { Story } from '../helpers/story.js';

const hour = 3600_000;
const kinds = (plan: Plan): readonly string[] => plan.steps.map(({ kind }) => kind);
const attached = (story: Story, role: string): readonly string[] =>
  (story.sandbox.world.role(`arn:aws:iam::111122223333:role/${role}`)?.attached ?? []).map(
    (arn) => arn.split('/').at(-1) as string,
  );

interface Play {
  readonly scenario: Scenario;
  readonly options?: Partial<PlanOptions>;
  /** Instance profiles, one of each role: a node of each joins between the stages. */
  readonly profiles: readonly string[];
}

/** The whole story: cutover, a day, a new node with a pod, the detachment, another new node, and all of it back. */
const play = async ({ scenario, options = {}, profiles }: Play) => {
  const story = await Story.begin(scenario);
  const faults: string[] = [];
  story.afterWrite = () => faults.push(...networkFaults(story.sandbox));
  const before = story.sandbox.canonical();
  const plan = await story.plan(options);
  const cut = await story.apply(plan);
  expect(cut.failures).toEqual([]);
  expect(cut.exit).toBe(3);
  const bound = cniIdentities(story.sandbox);
  const early = await story.apply(plan, { stages: ['retire'] });
  expect(early.pauses.map(({ gate }) => gate.split(':')[0])).toContain('soak');
  await story.clock.advance(25 * hour);
  const waiting = await story.apply(plan, { stages: ['retire'] });
  const nodes = profiles.map((profile) => join(story.sandbox, profile));
  await story.clock.advance(60_000);
  await scaleUp(story, 9);
  await story.clock.advance(120_000);
  for (const node of nodes) expect(nodeIsReady(story.sandbox, node)).toBe(true);
  const stripped = await story.apply(plan, { stages: ['retire'] });
  await story.clock.advance(5_000);
  const later = profiles.map((profile) => join(story.sandbox, profile));
  await story.clock.advance(60_000);
  await scaleUp(story, 14);
  await story.clock.advance(120_000);
  for (const node of later) expect(nodeIsReady(story.sandbox, node)).toBe(true);
  const done = await story.apply(plan, { stages: ['retire'] });
  expect(faults).toEqual([]);
  return { story, before, plan, cut, bound, waiting, stripped, done, faults };
};
type Played = Awaited<ReturnType<typeof play>>;

/** Everything back: the estate is as at the start, but for the nodes that joined and what EKS itself wrote. */
const goBack = async ({ story, plan, before, faults }: Played): Promise<void> => {
  const back = await story.unwind(plan);
  expect(back.failures).toEqual([]);
  expect(back.exit).toBe(0);
  expect(faults).toEqual([]);
  expect(cniIdentities(story.sandbox).every((text) => text.startsWith('node-role '))).toBe(true);
  expect(networkFaults(story.sandbox)).toEqual([]);
  await scaleUp(story, 3);
  await story.clock.advance(120_000);
  const after = settled(story.sandbox.canonical());
  expect(after.filter((line) => !settled(before).includes(line))).toEqual([]);
  expect(after.length).toBe(settled(before).length);
};

/** Without nodes, which joined meanwhile, how many pods run on them, and the mark of EKS's own restart. */
const settled = (state: JsonObject): readonly string[] => {
  const objects = JSON.parse(String(state.kubernetes)) as Record<string, string>;
  const shown = Object.entries(objects)
    .filter(([key]) => !key.startsWith('/nodes'))
    .map(
      ([key, text]) =>
        `${key} ${text.replace(/"count":\d+/g, '').replace(/"annotations":\{"kubectl.kubernetes.io\/restartedAt":"[^"]*"\},/g, '')}`,
    );
  return [...shown, JSON.stringify(state.aws, (key, value) => (key === 'instances' ? undefined : value))];
};

describe('the VPC CNI as an EKS add-on, on the roles of two node groups', () => {
  it('gets its role by IRSA, waits for a new node and for the report, and goes back', async () => {
    const played = await play({ scenario: estateOf('cni'), profiles: ['net-general-node', 'net-memory-node'] });
    const { story, plan, bound, waiting, stripped, done } = played;
    expect(kinds(plan)).toContain('update-addon');
    expect(bound).toEqual(['web-identity net-kube-system-aws-node']);
    expect(waiting.pauses.map(({ gate }) => gate)).toEqual(['gate:kube-system/ServiceAccount/aws-node:new-node']);
    expect(done.pauses).toEqual([]);
    expect([stripped.exit, done.exit]).toEqual([3, 0]);
    expect(attached(story, 'net-general-node')).not.toContain('AmazonEKS_CNI_Policy');
    expect(attached(story, 'net-memory-node')).not.toContain('AmazonEKS_CNI_Policy');
    await goBack(played);
    expect(attached(story, 'net-general-node')).toContain('AmazonEKS_CNI_Policy');
  });
});

describe('the same with Pod Identity, through the add-on', () => {
  it('gets the role under the name that EKS looks for, and the add-on owns the association', async () => {
    const scenario = estateOf('cni', withAgent);
    const played = await play({ scenario, options: podIdentity, profiles: ['net-general-node', 'net-memory-node'] });
    expect(played.bound).toEqual(['container-credentials AmazonEKSPodIdentityAmazonVPCCNIRole']);
    expect(played.done.exit).toBe(0);
    await goBack(played);
  });

  it('reuses that role where it exists and fits', async () => {
    const scenario = estateOf('cni', (estate) => {
      withAgent(estate);
      const [account] = Object.values(estate.accounts);
      account?.roles.push({
        ...(account.roles[0] as (typeof account.roles)[number]),
        name: 'AmazonEKSPodIdentityAmazonVPCCNIRole',
        trust: {
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Principal: { Service: 'pods.eks.amazonaws.com' },
              Action: ['sts:AssumeRole', 'sts:TagSession'],
            },
          ],
        },
        attached: ['AmazonEKS_CNI_Policy'],
      });
    });
    const played = await play({ scenario, options: podIdentity, profiles: ['net-general-node', 'net-memory-node'] });
    expect(kinds(played.plan)).not.toContain('create-role');
    expect(played.bound).toEqual(['container-credentials AmazonEKSPodIdentityAmazonVPCCNIRole']);
    await goBack(played);
  });
});

describe('a self-managed CNI', () => {
  it.each([
    ['irsa', 'web-identity', 'annotate-service-account'],
    ['pod-identity', 'container-credentials', 'create-pod-identity-association'],
  ] as const)('goes to %s, IPv4', async (target, source, kind) => {
    const scenario = estateOf('cni', (estate) => {
      withoutAddon(estate);
      withAgent(estate);
    });
    const played = await play({
      scenario,
      options: { target, sdkKnown: ['*'] },
      profiles: ['net-general-node', 'net-memory-node'],
    });
    expect(kinds(played.plan)).toContain(kind);
    expect(played.bound.map((text) => text.split(' ')[0])).toEqual([source]);
    await goBack(played);
  });

  it('on IPv6, two node groups with one role: a policy of its own, the inline one deleted and put back', async () => {
    const played = await play({ scenario: estateOf('cni-ipv6'), profiles: ['six-node'] });
    expect(kinds(played.plan)).toContain('create-policy');
    expect(kinds(played.plan).filter((kind) => kind === 'delete-role-policy')).toHaveLength(1);
    const role = () => played.story.sandbox.world.role('arn:aws:iam::111122223333:role/six-node');
    expect(role()?.inline).toEqual({});
    await goBack(played);
    expect(Object.keys(role()?.inline ?? {})).toEqual(['cni-ipv6']);
  });
});

describe('nodes of Karpenter', () => {
  it('are found by node class, template and instances; a role that only aws-auth names is left alone', async () => {
    const played = await play({
      scenario: estateOf('cni-karpenter'),
      profiles: ['karp-system-node', 'karp-spot-node'],
    });
    const detached = played.plan.steps.filter(({ kind }) => kind === 'detach-role-policy');
    expect(detached.map(({ target }) => target.name).sort()).toEqual(['karp-spot-node', 'karp-system-node']);
    expect(attached(played.story, 'karp-former-node')).toContain('AmazonEKS_CNI_Policy');
    await goBack(played);
  });
});

describe('a cluster with Auto Mode and Fargate', () => {
  it('has its own nodes moved, and nothing else touched', async () => {
    const played = await play({ scenario: estateOf('cni-auto'), profiles: ['auto-group-node'] });
    const touched = played.plan.steps.filter(({ kind }) => kind === 'detach-role-policy');
    expect(touched.map(({ target }) => target.name)).toEqual(['auto-group-node']);
    expect(attached(played.story, 'auto-fargate')).toContain('AmazonEKS_CNI_Policy');
    await goBack(played);
  });

  it('has nothing to move where all nodes are of Auto Mode', async () => {
    const story = await Story.begin(
      estateOf('cni-auto', (estate) => {
        withoutAddon(estate);
        estate.cluster.nodegroups = [];
        estate.nodes = estate.nodes.filter(({ compute }) => compute === 'auto');
        estate.kubernetes = estate.kubernetes.filter(
          (object) => (object as { metadata?: { name?: string } }).metadata?.name !== 'aws-node',
        );
      }),
    );
    expect((await story.plan()).steps).toEqual([]);
  });
});

describe('a node role that another cluster uses', () => {
  it('is never stripped: the move is blocked and says whose it is', async () => {
    const story = await Story.begin(
      estateOf('cni', (estate) => {
        const [account] = Object.values(estate.accounts);
        estate.regions.push('us-east-1');
        account?.neighbours.push({
          name: 'other',
          region: 'us-east-1',
          nodegroups: [{ name: 'theirs', role: 'net-memory-node', instanceTypes: [] }],
        });
      }),
    );
    const before = story.sandbox.canonical();
    const plan = await story.plan();
    expect(plan.steps).toEqual([]);
    expect(plan.findings.filter(({ code }) => code === 'RL402').map(({ message }) => message)).toEqual([
      expect.stringContaining('other/theirs'),
    ]);
    const all = { stages: ['prepare', 'cutover', 'retire'], soakMs: 0, acceptUnproven: ['all'] } as const;
    await expect(story.apply(plan, all)).rejects.toThrow('every move of the plan is blocked');
    expect(story.sandbox.canonical()).toEqual(before);
  });
});
