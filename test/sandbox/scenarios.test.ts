import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/sandbox/clock.js';
import { createSandbox } from '../../src/sandbox/sandbox.js';
import { loadScenario } from '../../src/sandbox/scenario.js';

const begun = async (name: string) => {
  const clock = new VirtualClock();
  const sandbox = createSandbox({ scenario: loadScenario(name), clock });
  await clock.advance(5_000);
  const roles = new Map<string, string>();
  for (const identity of sandbox.identities()) {
    const pod = sandbox.view.get('v1', 'Pod', identity.namespace, identity.pod) as any;
    const owner = pod.metadata.ownerReferences[0];
    const workload = owner.kind === 'ReplicaSet' ? owner.name.replace(/-[a-z0-9]+$/, '') : owner.name;
    const first = identity.containers.at(-1);
    roles.set(`${identity.namespace}/${workload}`, first?.role?.split(':role/')[1] ?? `${first?.source}: none`);
  }
  return { clock, sandbox, roles };
};

describe('the demo estate', () => {
  it('gives each workload the role that kiam gives it', async () => {
    const { roles } = await begun('demo');
    expect(Object.fromEntries(roles)).toMatchObject({
      'payments/api': 'payments-api',
      'payments/ledger': 'finance/payments-ledger',
      'payments/dashboard': 'kiam: none',
      'orders/checkout': 'orders-checkout',
      'orders/worker': 'orders-worker',
      'catalog/search': 'catalog-search',
      'catalog/thumbnailer': 'kiam: none',
      'logging/log-shipper': 'log-shipper',
      'storefront/web': 'storefront-web',
      'media/encoder': 'media-encoder',
      'media/uploader': 'media-uploader',
      'marketing/campaigns': 'kiam: none',
      'kube-system/kiam-server': 'demo-system-node',
      'kube-system/kiam-agent': 'demo-worker-node',
    });
  });
});

describe('the kube2iam estate', () => {
  it('gives by annotation, default role and namespace list, and nothing that the nodes may not assume', async () => {
    const { roles } = await begun('kube2iam');
    expect(Object.fromEntries(roles)).toMatchObject({
      'reports/reader': 'reports-reader',
      'reports/writer': 'reports/reports-writer',
      'reports/auditor': 'kube2iam: none',
      'tools/shell': 'baseline',
      'security/vault': 'kube2iam: none',
    });
  });
});

describe('the CNI estate', () => {
  it('lives on the node roles and stops giving out addresses when they lose the policy', async () => {
    const { sandbox, clock, roles } = await begun('cni');
    expect(roles.get('kube-system/aws-node')).toMatch(/^net-(general|memory)-node$/);
    const running = () =>
      sandbox.view.list('v1', 'Pod', 'shop').filter((pod) => (pod['status'] as any)?.phase === 'Running').length;
    expect(running()).toBe(3);
    const account = sandbox.world.accounts.get('111122223333')!;
    for (const name of ['net-general-node', 'net-memory-node']) {
      const role = account.roles.get(name)!;
      account.roles.set(name, { ...role, attached: role.attached.filter((arn) => !arn.endsWith('CNI_Policy')) });
    }
    const victim = (sandbox.view.list('v1', 'Pod', 'shop')[0]!['metadata'] as any).name;
    sandbox.view.remove('v1', 'Pod', 'shop', victim);
    await clock.advance(10_000);
    expect(sandbox.view.list('v1', 'Pod', 'shop')).toHaveLength(3);
    expect(running()).toBe(2);
  });
});
