import type { Inventory } from '../../src/model/inventory.js';
import { defaultPlanOptions, type PlanOptions } from '../../src/model/options.js';
import type { Plan } from '../../src/model/plan.js';
import { plan as makePlan } from '../../src/planner/plan.js';
import { raiseTwin, Troupe, type Twin } from '../../src/rehearsal/twin.js';
import { loadScenario, type Scenario } from '../../src/sandbox/scenario.js';
import { scan } from '../../src/scan/collect.js';

const at = { createdAt: '2026-01-01T00:00:00Z', tool: 'rolelift test' };

/** What a scan of a twin reads, with the real readers. */
export const scanned = (twin: Twin, troupe: Troupe, scenario: Scenario): Promise<Inventory> => {
  const { clients } = troupe;
  const whole = {
    ...clients,
    caller: async () => ({ account: scenario.cluster.account, arn: 'test' }),
    credentialsFor: () => 'default',
  };
  return twin.clock.drive(
    scan(whole as never, {
      context: scenario.cluster.name,
      server: 'http://twin.invalid',
      region: scenario.cluster.region,
    }),
  );
};

/** What a scan of a scenario reads, on a virtual clock. */
const inventoryOf = async (scenario: Scenario): Promise<Inventory> => {
  const twin = await raiseTwin(scenario);
  const troupe = await Troupe.of(scenario, fast);
  troupe.enter(twin);
  const inventory = await scanned(twin, troupe, scenario);
  twin.sandbox.stop();
  return inventory;
};
export const fast: Readonly<Record<string, number>> = Object.fromEntries(
  ['kubernetes', 'iam', 'eks', 'sts', 'ec2', 'cloudtrail'].flatMap((api) => [
    [`${api}-read`, 1e6],
    [`${api}-write`, 1e6],
  ]),
);

export const planned = async (
  scenario: Scenario | string,
  options: Partial<PlanOptions> = {},
): Promise<{ readonly inventory: Inventory; readonly plan: Plan }> => {
  const inventory = await inventoryOf(typeof scenario === 'string' ? await loadScenario(scenario) : scenario);
  return { inventory, plan: makePlan(inventory, { ...defaultPlanOptions, ...options }, at) };
};
