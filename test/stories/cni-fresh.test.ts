import { expect, it } from 'vitest';
import { fold } from '../../src/journal/fold.js';
import type { Plan } from '../../src/model/plan.js';
import { agrees } from '../../src/planner/diff.js';
import { optionsOf } from '../../src/planner/options-schema.js';
import { plan as makePlan } from '../../src/planner/plan.js';
import { rewind } from '../../src/planner/rewind.js';
import { appliedSteps } from '../../src/verify/old-way.js';
import { estateOf, podIdentity, withAgent, withoutAddon } from '../helpers/cni.js';
import { Story } from '../helpers/story.js';

/** Steps that a plan from a fresh scan would not make any more, as `apply` asks before it goes on (H21). */
const refused = async (story: Story, plan: Plan, own = true) => {
  const live = await story.scan();
  const before = own ? rewind(live, plan, appliedSteps(fold(story.store.events))) : live;
  const fresh = makePlan(before, optionsOf(plan), { createdAt: plan.createdAt, tool: plan.tool });
  return agrees(plan, fresh).map(({ step, why }) => `${step}: ${why}`);
};

it.each([
  ['an add-on, by IRSA', estateOf('cni'), {}],
  ['an add-on, by Pod Identity', estateOf('cni', withAgent), podIdentity],
  ['self-managed, by IRSA', estateOf('cni', withoutAddon), {}],
  [
    'self-managed, by Pod Identity',
    estateOf('cni', (estate) => [withoutAddon, withAgent].map((edit) => edit(estate))),
    podIdentity,
  ],
  ['IPv6, one role, inline', estateOf('cni-ipv6'), {}],
] as const)(
  'a fresh plan would go on with the CNI after every stage, there and back: %s',
  async (_title, scenario, options) => {
    const story = await Story.begin(scenario);
    const plan = await story.plan(options as Parameters<Story['plan']>[0]);
    for (const stage of ['prepare', 'cutover', 'retire'] as const) {
      await story.apply(plan, { stages: [stage], soakMs: 0, acceptUnproven: ['all'] });
      expect([stage, await refused(story, plan)]).toEqual([stage, []]);
      // Without taking our own steps out it would not: there is something to take out.
      if (stage !== 'prepare') expect((await refused(story, plan, false)).length).toBeGreaterThan(0);
    }
    await story.unwind(plan);
    expect(await refused(story, plan)).toEqual([]);
  },
);
