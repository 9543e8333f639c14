import { textOf } from '../../model/error.js';
import { textAt } from '../../model/json.js';
import { kubernetesRef } from '../../model/resource.js';
import { visible, wrap } from '../../model/text.js';
import { checkRights } from '../../permissions/check.js';
import { connectTo } from '../live.js';
import { loadPlan, planDirectoryOf } from '../plan-directory.js';
import { type GlobalOptions, openSession } from '../session.js';

interface Check {
  readonly name: string;
  readonly is: 'ok' | 'warn' | 'fail';
  readonly text: string;
}

export const run = async (args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const session = openSession(given as unknown as GlobalOptions);
  const checks: Check[] = [];
  const look = async (name: string, work: () => Promise<string | { readonly warn: string }>): Promise<boolean> => {
    try {
      const found = await work();
      checks.push(typeof found === 'string' ? { name, is: 'ok', text: found } : { name, is: 'warn', text: found.warn });
      return true;
    } catch (thrown) {
      checks.push({ name, is: 'fail', text: textOf(thrown) });
      return false;
    }
  };
  const plan = args[0] === undefined ? null : await loadPlan(await planDirectoryOf(args[0]));
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  await look('node', async () => {
    if (major < 20 || (major === 20 && minor < 17))
      throw new Error(`Node ${process.versions.node} is too old: 20.17 is the least`);
    return `Node ${process.versions.node}`;
  });
  const clients = await connectTo(session);
  const kubernetes = clients.kubernetes();
  const reached = await look(
    'cluster',
    async () => `${clients.connection.server}, Kubernetes ${await kubernetes.version()}`,
  );
  if (reached) {
    await look(
      'kubernetes user',
      async () => (await kubernetes.whoAmI()) || { warn: 'the server does not tell who we are (before 1.28)' },
    );
    await look('webhook', async () => {
      for await (const hook of kubernetes.list('admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration')) {
        if ((textAt(hook, 'metadata', 'name') ?? '').includes('pod-identity-webhook'))
          return 'pod-identity-webhook is registered';
      }
      return { warn: 'no pod-identity-webhook is registered: nothing injects identities (RL502)' };
    });
    if (plan !== null) {
      await look('same cluster', async () => {
        const system = await kubernetes.get(kubernetesRef('v1', 'Namespace', undefined, 'kube-system'));
        if (textAt(system, 'metadata', 'uid') !== plan.cluster.uid)
          throw new Error(`the plan is for cluster ${plan.cluster.name} at ${plan.cluster.server}, this is another`);
        return `this is the cluster of plan ${plan.id}`;
      });
    }
  }
  const signedIn = await look('aws', async () => {
    const caller = await clients.caller();
    if (plan !== null && caller.account !== plan.cluster.accountId)
      throw new Error(`the credentials are of account ${caller.account}, the plan is for ${plan.cluster.accountId}`);
    return `${caller.arn} in ${clients.region}`;
  });
  if (reached && signedIn) {
    const options = {
      proveToken: false,
      lock: 'kube-system/rolelift',
      runsNamespace: 'kube-system',
      region: plan?.cluster.region ?? clients.region,
      accountRoles: session.options.accountRole ?? {},
    };
    for (const finding of await checkRights(plan, clients, options)) checks.push(finding);
  }
  await session.host.pause();
  if (session.options.json) session.host.result(JSON.stringify({ checks }, null, 2));
  else {
    const { style, width } = session.host;
    const marks = { ok: style.good('✓'), warn: style.warn('!'), fail: style.bad('✗') };
    session.host.result(
      checks
        .map(
          (check) =>
            `${marks[check.is]} ${check.name.padEnd(16)} ${wrap(visible(check.text), width - 20, ' '.repeat(19))}`,
        )
        .join('\n'),
    );
  }
  await session.host.close();
  return checks.some((check) => check.is === 'fail') ? 1 : 0;
};
