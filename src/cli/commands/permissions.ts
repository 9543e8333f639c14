import { stringify } from 'yaml';
import type { StateStore } from '../../permissions/iam-policy.js';
import { needsOf, type Purpose } from '../../permissions/needs.js';
import { folderIn, type JournalPlace, knownPlace, parsePlace } from '../journal-place.js';
import { loadPlan, planDirectoryOf } from '../plan-directory.js';
import { type GlobalOptions, openSession } from '../session.js';

interface PermissionsArguments extends GlobalOptions {
  readonly for: Purpose;
  readonly prove?: string;
  readonly probe: boolean;
  readonly state?: string;
  readonly lock: string;
}

/** What the rights must cover where the journal lives in object storage; each plan has a folder of its own below the prefix. */
const stateStore = (place: JournalPlace | null, planId: string | null): StateStore | null =>
  place?.is === 's3'
    ? { bucket: place.bucket, prefix: planId === null ? place.prefix : folderIn(place, planId) }
    : null;

export const run = async (args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as PermissionsArguments;
  const session = openSession(options);
  const [target] = args;
  const directory = target === undefined ? null : await planDirectoryOf(target);
  const plan = directory === null ? null : await loadPlan(directory);
  const known = directory === null ? null : await knownPlace(directory);
  const place = options.state === undefined ? known : parsePlace(options.state);
  const purpose: Purpose = plan === null && options.for === 'apply' ? 'scan' : options.for;
  const needs = needsOf(plan, purpose, {
    proveToken: options.prove === 'token',
    probe: options.probe,
    lock: options.lock === 'none' ? null : options.lock,
    runsNamespace: 'kube-system',
    state: stateStore(place, plan?.id ?? null),
    accountRoles: options.accountRole ?? {},
    region: options.region ?? process.env.AWS_REGION ?? '*',
  });
  if (options.json) session.host.result(JSON.stringify(needs, null, 2));
  else {
    const { style } = session.host;
    session.host.result(`${style.dim(`# IAM policy for ${purpose}`)}\n${JSON.stringify(needs.iam, null, 2)}\n`);
    for (const [account, policy] of Object.entries(needs.accounts ?? {}))
      session.host.result(
        `${style.dim(`# IAM policy for ${purpose} in account ${account}`)}\n${JSON.stringify(policy, null, 2)}\n`,
      );
    session.host.result(
      `${style.dim(`# Kubernetes RBAC for ${purpose}: kubectl apply -f -, and bind the group, or edit the subject`)}`,
    );
    session.host.result(needs.rbac.map((object) => stringify(object)).join('---\n'));
    for (const [context, objects] of Object.entries(needs.clusters ?? {})) {
      session.host.result(style.dim(`# Kubernetes RBAC for ${purpose} in context ${context}`));
      session.host.result(objects.map((object) => stringify(object)).join('---\n'));
    }
  }
  await session.host.close();
  return 0;
};
