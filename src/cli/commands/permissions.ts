import { stringify } from 'yaml';
import { needsOf, type Purpose } from '../../permissions/needs.js';
import { loadPlan, planDirectoryOf } from '../plan-directory.js';
import { type GlobalOptions, openSession } from '../session.js';

export const run = async (args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as GlobalOptions & { readonly for: Purpose; readonly prove?: string };
  const session = openSession(options);
  const [target] = args;
  const plan = target === undefined ? null : await loadPlan(await planDirectoryOf(target));
  const purpose: Purpose = plan === null && options.for === 'apply' ? 'scan' : options.for;
  const needs = needsOf(plan, purpose, {
    proveToken: options.prove === 'token',
    lock: 'kube-system/rolelift',
    runsNamespace: 'kube-system',
    region: options.region ?? process.env.AWS_REGION ?? '*',
  });
  if (options.json) session.host.result(JSON.stringify(needs, null, 2));
  else {
    const { style } = session.host;
    session.host.result(`${style.dim(`# IAM policy for ${purpose}`)}\n${JSON.stringify(needs.iam, null, 2)}\n`);
    session.host.result(
      `${style.dim(`# Kubernetes RBAC for ${purpose}: kubectl apply -f -, and bind the group, or edit the subject`)}`,
    );
    session.host.result(needs.rbac.map((object) => stringify(object)).join('---\n'));
  }
  await session.host.close();
  return 0;
};
