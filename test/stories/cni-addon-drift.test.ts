import { describe, expect, it } from 'vitest';
import { defaultUnwindOptions } from '../../src/engine/run.js';
import { type JsonObject, listAt, textAt } from '../../src/model/json.js';
import type { Plan } from '../../src/model/plan.js';
import { cniIdentities, estateOf, podIdentity, withAgent } from '../helpers/cni.js';
import { Story } from '../helpers/story.js';

const roleArn = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;
const trust = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { Service: 'pods.eks.amazonaws.com' }, Action: ['sts:AssumeRole', 'sts:TagSession'] },
  ],
};
/** The example, with a role that another team gives the add-on. */
const estate = estateOf('cni', (scenario) => {
  withAgent(scenario);
  const [account] = Object.values(scenario.accounts);
  account?.roles.push({ ...(account.roles[0] as (typeof account.roles)[number]), name: 'theirs', trust });
});

/** Another team's own update of the add-on, as its AWS CLI would send it. */
const theirUpdate = async (story: Story, change: JsonObject): Promise<void> => {
  const clients = await story.drive(story.clients());
  const { cluster } = story.sandbox.scenario;
  await story.drive(
    clients.aws(cluster.account).call('eks', 'UpdateAddon', {
      clusterName: cluster.name,
      addonName: 'vpc-cni',
      resolveConflicts: 'PRESERVE',
      ...change,
    }),
  );
  await story.clock.advance(5 * 60_000);
};

const addon = async (story: Story): Promise<{ readonly live: unknown; readonly associations: readonly string[] }> => {
  const clients = await story.drive(story.clients());
  const { cluster } = story.sandbox.scenario;
  const eks = clients.aws(cluster.account);
  const found = await story.drive(
    eks.call('eks', 'DescribeAddon', { clusterName: cluster.name, addonName: 'vpc-cni' }),
  );
  const associations: string[] = [];
  for (const arn of listAt(found, 'addon', 'podIdentityAssociations')) {
    const associationId = String(arn).split('/').at(-1) ?? '';
    const answer = await story.drive(
      eks.call('eks', 'DescribePodIdentityAssociation', { clusterName: cluster.name, associationId }),
    );
    associations.push(
      `${textAt(answer, 'association', 'serviceAccount')} ${textAt(answer, 'association', 'roleArn')?.split('/').at(-1)}`,
    );
  }
  return { live: found, associations: associations.sort() };
};
const versionsOf = async (story: Story): Promise<readonly string[]> => {
  const clients = await story.drive(story.clients());
  const answer = await story.drive(
    clients.aws(story.sandbox.scenario.cluster.account).call('eks', 'DescribeAddonVersions', { addonName: 'vpc-cni' }),
  );
  return listAt(answer, 'addons', 0, 'addonVersions').map((one) => textAt(one, 'addonVersion') ?? '');
};
const updates = (plan: Plan): string => plan.steps.find(({ kind }) => kind === 'update-addon')?.id ?? '';

describe('an add-on that somebody changed since the plan was made', () => {
  it.each([
    ['its role', {}, { serviceAccountRoleArn: roleArn('theirs') }, 'serviceAccountRoleArn'],
    [
      'the association of our account',
      podIdentity,
      { podIdentityAssociations: [{ serviceAccount: 'aws-node', roleArn: roleArn('theirs') }] },
      'podIdentityAssociations',
    ],
  ] as const)('is refused where %s is another one now, and keeps it', async (_what, options, change, field) => {
    const story = await Story.begin(estate);
    const plan = await story.plan(options);
    expect(updates(plan)).not.toBe('');
    await theirUpdate(story, change as unknown as JsonObject);
    const theirs = await addon(story);
    const identities = cniIdentities(story.sandbox);
    const result = await story.apply(plan);
    expect(result.exit).not.toBe(0);
    const failure = result.failures.find(({ step }) => step === updates(plan));
    expect(failure?.error.code).toBe('RL831');
    expect(failure?.error.cause).toMatch(/vpc-cni role and associations: expected /);
    expect(failure?.error.cause).toContain(field);
    expect(failure?.error.cause).toContain(roleArn('theirs'));
    expect(await addon(story)).toEqual(theirs);
    expect(cniIdentities(story.sandbox)).toEqual(identities);
  });

  it('goes on where only its version, or the association of another account, is another one now, and keeps both', async () => {
    const story = await Story.begin(estate);
    const plan = await story.plan(podIdentity);
    const was = textAt((await addon(story)).live, 'addon', 'addonVersion');
    const version = (await versionsOf(story)).find((one) => one !== was) ?? '';
    expect(version).not.toBe('');
    await theirUpdate(story, {
      addonVersion: version,
      podIdentityAssociations: [{ serviceAccount: 'another', roleArn: roleArn('theirs') }],
    });
    const ours = 'aws-node AmazonEKSPodIdentityAmazonVPCCNIRole';
    const result = await story.apply(plan);
    expect(result.failures).toEqual([]);
    const moved = await addon(story);
    expect(moved.associations).toEqual(['another theirs', ours]);
    expect(textAt(moved.live, 'addon', 'addonVersion')).toBe(version);
    const back = await story.unwind(plan, defaultUnwindOptions);
    expect(back.failures).toEqual([]);
    const after = await addon(story);
    expect(after.associations).toEqual(['another theirs']);
    expect(textAt(after.live, 'addon', 'addonVersion')).toBe(version);
  });
});
