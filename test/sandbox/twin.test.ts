import { describe, expect, it } from 'vitest';
import { createClients } from '../../src/clients/clients.js';
import { VirtualClock } from '../../src/sandbox/clock.js';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { loadScenario } from '../../src/sandbox/scenario.js';
import { twinOf } from '../../src/sandbox/twin.js';
import { scan } from '../../src/scan/collect.js';

const scanned = async (sandbox: Sandbox, region: string) => {
  const server = 'http://sandbox.invalid';
  const rates = { 'iam-read': 1000, 'eks-read': 1000, 'ec2-read': 1000, 'kubernetes-read': 1000, 'sts-read': 1000 };
  const handle = (request: Parameters<Sandbox['handle']>[0], signal: AbortSignal) => sandbox.handle(request, signal);
  const clients = await createClients({
    region,
    maxRates: rates,
    inProcess: { server, kubernetes: handle, aws: handle },
  });
  return scan(clients, { context: 'sandbox', server, region });
};
const rolesOf = (sandbox: Sandbox) =>
  [
    ...new Set(
      sandbox.identities().map((each) => {
        const pod = sandbox.view.get('v1', 'Pod', each.namespace, each.pod) as any;
        const owner = pod.metadata.ownerReferences?.[0];
        const name = owner?.kind === 'ReplicaSet' ? owner.name.replace(/-[a-z0-9]+$/, '') : owner?.name;
        return `${each.namespace}/${name} ${each.containers.at(-1)?.source} ${each.role}`;
      }),
    ),
  ].sort();

describe('the twin of a scanned estate', () => {
  it.each([
    ['demo', 'eu-west-1'],
    ['kube2iam', 'eu-central-1'],
    ['cni', 'eu-west-1'],
  ])('gives every workload of %s the role that it has', async (name, region) => {
    const sandbox = createSandbox({ scenario: loadScenario(name) });
    await sandbox.settled();
    const scenario = twinOf(await scanned(sandbox, region));
    const clock = new VirtualClock();
    const twin = createSandbox({ scenario, clock });
    await clock.advance(5_000);
    expect(rolesOf(twin)).toEqual(rolesOf(sandbox));
    expect(scenario.assumed).toEqual([]);
    sandbox.stop();
  });
});
