import { expect, it } from 'vitest';
import { createClients } from '../../src/clients/clients.js';
import { systemClock } from '../../src/clients/system-clock.js';
import { apply } from '../../src/engine/execute.js';
import { defaultApplyOptions, defaultUnwindOptions, type Host } from '../../src/engine/run.js';
import { unwind } from '../../src/engine/unwind.js';
import { openJournal } from '../../src/journal/journal.js';
import { memoryStore } from '../../src/journal/memory-store.js';
import type { Transport } from '../../src/model/http.js';
import { defaultPlanOptions } from '../../src/model/options.js';
import { plan as makePlan } from '../../src/planner/plan.js';
import { createSandbox } from '../../src/sandbox/sandbox.js';
import { loadScenario } from '../../src/sandbox/scenario.js';
import { scan } from '../../src/scan/collect.js';
import { registry } from '../../src/steps/registry.js';

const rate = 1_000;
const maxRates = Object.fromEntries(
  ['kubernetes', 'iam', 'eks', 'ec2', 'sts'].flatMap((api) => [
    [`${api}-read`, rate],
    [`${api}-write`, rate],
  ]),
);

it('moves the estate of the demo with the real kinds, retires the old way, and rolls all of it back', {
  timeout: 180_000,
}, async () => {
  const sandbox = createSandbox({ scenario: loadScenario('demo') });
  await sandbox.settled();
  const handle: Transport = (request, signal) => sandbox.handle(request, signal);
  const server = 'http://sandbox.invalid';
  const region = 'eu-west-1';
  const clients = await createClients({ region, maxRates, inProcess: { kubernetes: handle, aws: handle, server } });
  const inventory = await scan(clients, { context: 'sandbox', server, region });
  const plan = makePlan(inventory, defaultPlanOptions, { createdAt: '2026-11-22T00:00:00Z', tool: 'test' });
  const { accountId: account, uid: clusterUid } = plan.cluster;
  const host: Host = {
    identity: async () => ({ caller: { arn: '', account, kubernetesUser: '' }, clusterUid, server }),
  };
  const store = memoryStore();
  const parts = async (run: string) => ({
    plan,
    journal: await openJournal(store, { clock: systemClock, run, serverTime: () => clients.serverTime() }),
    registry,
    clients,
    clock: systemClock,
    say: () => {},
    host,
  });
  const before = sandbox.canonical();

  const cut = await apply({ ...(await parts('cut')), options: { ...defaultApplyOptions, yes: true } });
  expect(cut.failures).toEqual([]);
  expect(cut.exit).toBe(3);
  expect(cut.counts.applied).toBeGreaterThan(30);
  const retired = await apply({
    ...(await parts('retire')),
    options: { ...defaultApplyOptions, yes: true, stages: ['retire'], soakMs: 0, acceptUnproven: ['all'] },
  });
  expect(retired.failures).toEqual([]);
  expect([...retired.moves.values()].filter((end) => end === 'done').length).toBeGreaterThan(5);
  expect(sandbox.canonical()).not.toEqual(before);

  const back = await unwind({ ...(await parts('back')), options: { ...defaultUnwindOptions, yes: true } });
  expect(back.failures).toEqual([]);
  expect(back.exit).toBe(0);
  expect(sandbox.canonical()).toEqual(before);
});
