import { readdirSync, readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultPlanOptions } from '../../src/model/options.js';
import { plan as makePlan } from '../../src/planner/plan.js';
import { validatePlan } from '../../src/planner/validate.js';
import { reviewMarkdown } from '../../src/report/review.js';
import { runbook } from '../../src/report/runbook.js';
import { loadScenario } from '../../src/sandbox/scenario.js';
import { World } from '../helpers/world.js';

const folder = path.resolve(import.meta.dirname, '../../plans/example');
const text = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** The plan directory in the repository is what the program makes of the demo's estate; -u makes it anew. */
describe('plans/example', () => {
  it('is the plan of the demo, made from its own inventory', async () => {
    const world = await World.of(await loadScenario('demo'), { scan: { context: 'demo' } });
    const inventory = await world.scanned();
    const at = { createdAt: new Date(world.clock.now()).toISOString(), tool: 'rolelift' };
    const plan = makePlan(inventory, defaultPlanOptions, at);
    await expect(text(inventory)).toMatchFileSnapshot(path.join(folder, 'inventory.json'));
    await expect(text(plan)).toMatchFileSnapshot(path.join(folder, 'plan.json'));
    await expect(runbook(plan, 'plans/example')).toMatchFileSnapshot(path.join(folder, 'RUNBOOK.md'));
    await expect(reviewMarkdown(plan)).toMatchFileSnapshot(path.join(folder, 'REVIEW.md'));
    expect(validatePlan(JSON.parse(text(plan)), { original: plan }).moves.length).toBeGreaterThan(8);
  });

  it('says nothing of the machine that made it', () => {
    for (const name of readdirSync(folder)) {
      const content = readFileSync(path.join(folder, name), 'utf8');
      expect(content).not.toMatch(/\/(tmp|home|Users|root|work)\//);
      const { username } = userInfo();
      if (username.length > 4) expect(content).not.toContain(username);
      if (hostname().length > 4) expect(content).not.toContain(hostname());
    }
  });
});
