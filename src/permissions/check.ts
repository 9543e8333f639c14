import pLimit from 'p-limit';
import { isAws, isDenied } from '../model/aws-error.js';
import { byText } from '../model/canonical.js';
import { RoleliftError, textOf } from '../model/error.js';
import { isObject, type JsonObject, listAt, textAt } from '../model/json.js';
import type { Plan, Step } from '../model/plan.js';
import type { AwsReader, Clients, KubernetesReader } from '../model/ports.js';
import { kubernetesRef, parseArn, parseRoleArn } from '../model/resource.js';
import { registry } from '../steps/registry.js';
import { type NeedOptions, needsOf, rightsOf } from './needs.js';
import { grantedBy, type Right, rightText } from './rbac.js';

export interface RightCheck {
  readonly name: string;
  readonly is: 'ok' | 'warn' | 'fail';
  readonly text: string;
}

/** Reviews and simulations at once; the clients' lanes bound the rate. */
const atOnce = 16;

/**
 * Asks the cluster about every right of a plan (or of a scan), plays the bindings as dry runs, reads in each account what a run
 * would read first, and simulates the rest. What the cluster or a real read refuses fails; a simulation only warns, because it
 * misjudges organisation and session policies (H25).
 */
export const checkRights = async (
  plan: Plan | null,
  clients: Clients,
  options: NeedOptions,
): Promise<readonly RightCheck[]> => {
  const purpose = plan === null ? 'scan' : 'apply';
  const needs = needsOf(plan, purpose, options);
  const home = plan?.cluster.accountId ?? '';
  const policies = [['', needs.iam] as const, ...Object.entries(needs.accounts ?? {})];
  const clusters = new Map<string, Right[]>();
  for (const right of rightsOf(plan, purpose, options)) {
    const context = right.cluster ?? '';
    clusters.set(context, [...(clusters.get(context) ?? []), right]);
  }
  const found = await Promise.all([
    ...[...clusters].map(([context, rights]) =>
      checkCluster(context, rights, clients.kubernetes(context === '' ? undefined : context)),
    ),
    ...(plan === null ? [] : [checkBindings(plan, clients)]),
    ...(plan === null ? [] : policies.map(([id]) => checkReads(plan, id === '' ? home : id, clients))),
    ...policies.map(([id, policy]) => checkAccount(id, policy, clients.aws(id))),
  ]);
  return found.filter((check) => check !== null);
};

const some = (all: readonly string[]): string =>
  `${all.slice(0, 12).join('; ')}${all.length > 12 ? `; and ${all.length - 12} more` : ''}`;

/** One rules review for each namespace tells most; what it does not show is asked one by one, and no right twice. */
const checkCluster = async (
  context: string,
  rights: readonly Right[],
  kubernetes: KubernetesReader,
): Promise<RightCheck> => {
  const name = context === '' ? 'cluster rights' : `rights in ${context}`;
  const unique = new Map(rights.map((right) => [rightText(right), right]));
  const limit = pLimit(atOnce);
  const shown = new Map<string, readonly JsonObject[]>();
  const namespaces = new Set([...unique.values()].flatMap((right) => right.namespace ?? []));
  await Promise.all(
    [...namespaces].map((namespace) =>
      limit(async () => {
        // Authorizers other than RBAC need not list their rules; then every right is asked for itself.
        shown.set(namespace, (await kubernetes.rules?.(namespace).catch(() => [])) ?? []);
      }),
    ),
  );
  const missing = await Promise.all(
    [...unique].map(([text, right]) =>
      limit(async () => {
        if (right.namespace !== undefined && grantedBy(right, shown.get(right.namespace) ?? [])) return [];
        const ref = kubernetesRef(right.apiVersion, right.kind, right.namespace, right.name ?? '');
        if (await kubernetes.allowed(right.verb, ref, right.subresource)) return [];
        // Kinds of operators that are not installed here cannot be read by anybody, and need not be.
        return (await kubernetes.serves(right.apiVersion, right.kind).catch(() => true)) ? [text] : [];
      }),
    ),
  );
  const all = missing.flat().sort(byText);
  return all.length === 0
    ? { name, is: 'ok', text: `${unique.size} rights asked for, all are given` }
    : { name, is: 'fail', text: `missing: ${some(all)}` };
};

/** Who may bind a role is decided by what the role holds (H18), so the API server is asked to play the very creation. */
const checkBindings = async (plan: Plan, clients: Clients): Promise<RightCheck | null> => {
  const limit = pLimit(atOnce);
  const creations = (plan.steps as readonly Step[]).flatMap((step) =>
    (registry.get(step.kind)?.changes(step, 'apply', plan.id) ?? []).flatMap((change) =>
      change.api === 'kubernetes' &&
      change.verb === 'create' &&
      change.ref.api === 'kubernetes' &&
      /^(?:Cluster)?RoleBinding$/.test(change.ref.kind) &&
      isObject(change.body)
        ? [{ ref: change.ref, body: change.body }]
        : [],
    ),
  );
  if (creations.length === 0) return null;
  const refused = await Promise.all(
    creations.map(({ ref, body }) =>
      limit(async () => {
        try {
          await clients.kubernetes(ref.cluster).create(ref, body, { dryRun: true });
          return [];
        } catch (thrown) {
          // It is there already: an earlier run made it.
          if (thrown instanceof RoleliftError && thrown.data.code === 'RL731') return [];
          return [`${ref.kind} ${ref.namespace ?? ''}/${ref.name}: ${textOf(thrown)}`];
        }
      }),
    ),
  );
  const all = refused.flat();
  return all.length === 0
    ? { name: 'bindings', is: 'ok', text: `${creations.length} played as dry runs` }
    : { name: 'bindings', is: 'fail', text: `refused: ${some(all)}` };
};

/** What a run reads first in an account: who we are there, and one role of it. A refusal of a real call is no guess. */
const checkReads = async (plan: Plan, account: string, clients: Clients): Promise<RightCheck> => {
  const name = `account ${account}`;
  const aws = clients.aws(account);
  const role = plan.moves
    .flatMap((move) => [move.from.role, move.to?.role])
    .map((arn) => (arn ? parseRoleArn(arn) : null))
    .find((parsed) => parsed?.account === account);
  try {
    await aws.call('sts', 'GetCallerIdentity', {});
    if (role) await aws.call('iam', 'GetRole', { RoleName: role.name });
    return { name, is: 'ok', text: role ? `reached, role ${role.name} can be read` : 'reached' };
  } catch (thrown) {
    // A role that the plan will make is not there yet.
    if (isAws(thrown) && thrown.errorName === 'NoSuchEntity') return { name, is: 'ok', text: 'reached' };
    return {
      name,
      is: 'fail',
      text: isAws(thrown) && isDenied(thrown.errorName) ? `missing: iam:GetRole (${textOf(thrown)})` : textOf(thrown),
    };
  }
};

const checkAccount = async (account: string, policy: JsonObject, aws: AwsReader): Promise<RightCheck> => {
  const name = account === '' ? 'account rights' : `rights in ${account}`;
  const denied = new Set<string>();
  try {
    const caller = await aws.call('sts', 'GetCallerIdentity', {});
    const source = principalOf(textAt(caller, 'Arn') ?? '');
    if (source === null)
      return { name, is: 'warn', text: 'these credentials cannot be simulated; a real call will tell' };
    const limit = pLimit(4);
    await Promise.all(
      listAt(policy, 'Statement').map((statement) => limit(() => simulate(aws, source, statement, denied))),
    );
  } catch (thrown) {
    return {
      name,
      is: 'warn',
      text: `could not be simulated (${isAws(thrown) ? thrown.errorName : textOf(thrown)}); a real call will tell`,
    };
  }
  return denied.size === 0
    ? { name, is: 'ok', text: 'a simulation allows every call' }
    : {
        name,
        is: 'warn',
        text: `a simulation refuses ${some([...denied].sort(byText))}; it does not know organisation and session policies`,
      };
};

/** Answers of one statement, page by page. */
const simulate = async (aws: AwsReader, source: string, statement: unknown, denied: Set<string>): Promise<void> => {
  let marker: string | undefined;
  for (let page = 0; page < 100; page += 1) {
    const answer = await aws.call('iam', 'SimulatePrincipalPolicy', {
      PolicySourceArn: source,
      ActionNames: listAt(statement, 'Action'),
      ResourceArns: listAt(statement, 'Resource'),
      ...(marker === undefined ? {} : { Marker: marker }),
    });
    for (const result of listAt(answer, 'EvaluationResults'))
      if (textAt(result, 'EvalDecision') !== 'allowed') denied.add(textAt(result, 'EvalActionName') ?? '?');
    marker = textAt(answer, 'Marker');
    if (marker === undefined || marker === '') return;
  }
};

/** The role or user behind a caller; null where simulation cannot take it (root, federated users). */
const principalOf = (arn: string): string | null => {
  const parts = parseArn(arn);
  if (parts === null) return null;
  if (/^(user|role)\//.test(parts.resource)) return arn;
  const session = /^assumed-role\/([^/]+)\//.exec(parts.resource);
  return session === null ? null : `arn:${parts.partition}:iam::${parts.account}:role/${session[1]}`;
};
