import { isAws } from '../model/aws-error.js';
import { textOf } from '../model/error.js';
import { at, isObject, type JsonObject, listAt, textAt } from '../model/json.js';
import type { Plan } from '../model/plan.js';
import type { ReadClients } from '../model/ports.js';
import { kubernetesRef, parseArn } from '../model/resource.js';
import { needsOf } from './needs.js';

export interface RightCheck {
  readonly name: string;
  readonly is: 'ok' | 'warn' | 'fail';
  readonly text: string;
}

/** Plural and group of a rule back to something that an access review takes; the review needs no kind. */
const kindOfPlural = (resource: string): string => resource.replace(/s$/, '');

/**
 * Asks the cluster about every right of the plan (or of a scan), one access review each, and AWS by simulation. A missing right in the
 * cluster fails; a simulation only warns, because it misjudges organisation and session policies (H25).
 */
export const checkRights = async (
  plan: Plan | null,
  clients: ReadClients,
  callerArn: string,
): Promise<readonly RightCheck[]> => {
  const needs = needsOf(plan, plan === null ? 'scan' : 'apply', {
    proveToken: false,
    lock: 'kube-system/rolelift',
    runsNamespace: 'kube-system',
    region: plan?.cluster.region ?? '*',
  });
  return [await checkCluster(needs.rbac, clients), await checkAccount(needs.iam, clients, callerArn)];
};

const checkCluster = async (rbac: readonly JsonObject[], clients: ReadClients): Promise<RightCheck> => {
  const missing: string[] = [];
  let asked = 0;
  for (const object of rbac) {
    if (!/Role$/.test(textAt(object, 'kind') ?? '')) continue;
    const namespace = textAt(object, 'metadata', 'namespace');
    for (const rule of listAt(object, 'rules')) {
      const [group] = listAt(rule, 'apiGroups');
      const [resource] = listAt(rule, 'resources');
      if (typeof resource !== 'string') continue;
      const [plural, subresource] = resource.split('/') as [string, string | undefined];
      const names = listAt(rule, 'resourceNames').filter((name): name is string => typeof name === 'string');
      for (const verb of listAt(rule, 'verbs')) {
        for (const name of names.length === 0 ? [''] : names) {
          const apiVersion = group === '' || group === undefined ? 'v1' : `${String(group)}/v1`;
          asked += 1;
          if (
            !(await clients
              .kubernetes()
              .allowed(String(verb), kubernetesRef(apiVersion, kindOfPlural(plural), namespace, name), subresource))
          ) {
            missing.push(
              `${String(verb)} ${resource}${name === '' ? '' : ` ${name}`}${namespace === undefined ? '' : ` in ${namespace}`}`,
            );
          }
        }
      }
    }
  }
  return missing.length === 0
    ? { name: 'cluster rights', is: 'ok', text: `${asked} rights asked for, all are given` }
    : {
        name: 'cluster rights',
        is: 'fail',
        text: `missing: ${missing.slice(0, 10).join('; ')}${missing.length > 10 ? ` and ${missing.length - 10} more` : ''}`,
      };
};

const checkAccount = async (policy: JsonObject, clients: ReadClients, callerArn: string): Promise<RightCheck> => {
  const name = 'account rights';
  const source = principalOf(callerArn);
  if (source === null)
    return { name, is: 'warn', text: 'these credentials cannot be simulated; a real call will tell' };
  const denied: string[] = [];
  try {
    for (const statement of listAt(policy, 'Statement').filter(isObject)) {
      const answer = await clients.aws('').call('iam', 'SimulatePrincipalPolicy', {
        PolicySourceArn: source,
        ActionNames: listAt(statement, 'Action'),
        ResourceArns: listAt(statement, 'Resource'),
      });
      for (const result of listAt(answer, 'EvaluationResults')) {
        if (textAt(result, 'EvalDecision') !== 'allowed') denied.push(textAt(result, 'EvalActionName') ?? '?');
      }
      if (at(answer, 'IsTruncated') === true) break;
    }
  } catch (thrown) {
    return {
      name,
      is: 'warn',
      text: `could not be simulated (${isAws(thrown) ? thrown.errorName : textOf(thrown)}); a real call will tell`,
    };
  }
  return denied.length === 0
    ? { name, is: 'ok', text: 'a simulation allows every call' }
    : {
        name,
        is: 'warn',
        text: `a simulation refuses ${[...new Set(denied)].join(', ')}; it does not know organisation and session policies`,
      };
};

/** The role or user behind a caller; null where simulation cannot take it (root, federated users). */
const principalOf = (arn: string): string | null => {
  const parts = parseArn(arn);
  if (parts === null) return null;
  if (/^(user|role)\//.test(parts.resource)) return arn;
  const session = /^assumed-role\/([^/]+)\//.exec(parts.resource);
  return session === null ? null : `arn:${parts.partition}:iam::${parts.account}:role/${session[1]}`;
};
