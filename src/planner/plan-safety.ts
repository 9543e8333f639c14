import { isObject, type Json, type JsonObject, listAt } from '../model/json.js';
import type { Move, Plan, Step } from '../model/plan.js';
import { parseArn, parseRoleArn } from '../model/resource.js';
import { parseTrust } from '../trust/document.js';
import { tooWide } from '../trust/lint.js';
import { invalid } from './plan-errors.js';

/** Keys of parameters and references that are names of objects: nothing in them may lead out of a URL's path segment. */
const nameKeys = new Set([
  'name',
  'namespace',
  'serviceAccount',
  'role',
  'policyName',
  'from',
  'to',
  'like',
  'cluster',
  'addon',
  'account',
  'roleAccount',
  'path',
]);
const forbidden = /[\u0000-\u001f\u007f%?#\\]/;
const badName = (key: string, value: string): boolean => {
  if (forbidden.test(value)) return true;
  if (value.split('/').some((part) => part === '.' || part === '..')) return true;
  return key !== 'path' && key !== 'role' && key !== 'cluster' && value.includes('/');
};

const walk = (
  value: unknown,
  path: string,
  visit: (key: string, text: string, path: string) => void,
  key = '',
): void => {
  if (typeof value === 'string') visit(key, value, path);
  else if (Array.isArray(value))
    for (const [index, item] of value.entries()) walk(item, `${path}[${index}]`, visit, key);
  else if (typeof value === 'object' && value !== null)
    for (const [inner, item] of Object.entries(value)) walk(item, `${path}.${inner}`, visit, inner);
};

/** Accounts that the moves and the cluster name: no step may write to another. */
const accountsOf = (plan: Plan): ReadonlySet<string> => {
  const accounts = new Set<string>([plan.cluster.accountId]);
  for (const move of plan.moves)
    for (const role of [move.from.role, move.to?.role, move.to?.associationRole]) {
      const account = role === null || role === undefined ? undefined : parseRoleArn(role)?.account;
      if (account !== undefined) accounts.add(account);
    }
  return accounts;
};

const rolesOf = (move: Move): ReadonlySet<string> =>
  new Set([move.to?.role, move.to?.associationRole].filter((role): role is string => typeof role === 'string'));

const textOf = (params: { readonly [key: string]: Json }, key: string): string | null => {
  const value = params[key];
  return typeof value === 'string' ? value : null;
};

/** Role ARNs by which a step binds pods: each must be one of its move's. */
const boundRoles = (step: Step): readonly (readonly [string, string])[] => {
  const found: [string, string][] = [];
  const { identity, annotations } = step.params;
  if (typeof identity === 'object' && identity !== null && 'role' in identity && typeof identity.role === 'string')
    found.push(['identity.role', identity.role]);
  if (step.kind === 'annotate-service-account' && typeof annotations === 'object' && annotations !== null)
    for (const [key, value] of Object.entries(annotations))
      if (key.endsWith('/role-arn') && typeof value === 'string') found.push([`annotations.${key}`, value]);
  for (const key of ['roleArn', 'targetRoleArn', 'serviceAccountRoleArn']) {
    const value = textOf(step.params, key);
    if (value !== null && step.kind !== 'remove-trust-statement') found.push([key, value]);
  }
  return found;
};

/** The statements by which a step lets somebody assume a role. */
const trustOf = (step: Step): readonly (readonly [path: string, statement: JsonObject])[] => {
  const { statement, trust } = step.params;
  if (step.kind === 'add-trust-statement' && isObject(statement)) return [['params.statement', statement]];
  return listAt(trust, 'Statement').flatMap((one, index) =>
    isObject(one) ? [[`params.trust.Statement[${index}]`, one] as const] : [],
  );
};

const podIdentityService = 'pods.eks.amazonaws.com';

/** Whom a plan may let in: the service account of the move, through its account's own provider, Pod Identity, or a role of the move. */
const checkTrust = (step: Step, at: string, move: Move | undefined): void => {
  for (const [path, statement] of trustOf(step)) {
    const where = `${at}.${path}`;
    const refused = (why: string) => invalid('RL615', where, why);
    const read = parseTrust(JSON.stringify({ Version: '2012-10-17', Statement: [statement] }));
    const [wide] = tooWide(read);
    if (wide !== undefined) throw refused(`would let in more than the move's service account: ${wide.detail}`);
    const { Principal } = statement;
    if (!isObject(Principal)) throw refused('names no principal that a plan may name');
    for (const [kind, value] of Object.entries(Principal))
      for (const principal of Array.isArray(value) ? value : [value]) {
        const name = typeof principal === 'string' ? principal : '';
        const parts = parseArn(name);
        const fits =
          kind === 'Service'
            ? name === podIdentityService
            : kind === 'Federated'
              ? parts?.account === textOf(step.params, 'account') &&
                parts?.resource.startsWith('oidc-provider/') === true
              : kind === 'AWS' && (move === undefined || rolesOf(move).has(name));
        if (!fits) throw refused(`would let in ${kind} ${JSON.stringify(name.slice(0, 200))}`);
      }
    const own = `system:serviceaccount:${move?.to?.serviceAccount.replace('/', ':') ?? ''}`;
    walk(statement.Condition, where, (_key, text, inside) => {
      if (move !== undefined && text.startsWith('system:serviceaccount:') && text !== own)
        throw invalid('RL615', inside, `is ${text}, not the service account of ${move.id}`);
    });
  }
};

/**
 * What an edited or foreign plan could reach for: names that lead out of their path segment, accounts and roles that none of its
 * moves has, ARNs of another partition. RL615 with the place.
 */
export const checkSafety = (plan: Plan): void => {
  const accounts = accountsOf(plan);
  const moves = new Map(plan.moves.map((move) => [move.id, move]));
  for (const [index, step] of (plan.steps as readonly Step[]).entries()) {
    const at = `steps[${index}]`;
    const named = (key: string, text: string, path: string): void => {
      if (nameKeys.has(key) && badName(key, text))
        throw invalid('RL615', path, `is no name: ${JSON.stringify(text.slice(0, 80))}`);
    };
    // Documents and statements hold keys of their own kind; targets and plain parameters hold names.
    const {
      statement: _s,
      document: _d,
      trust: _t,
      gate: _g,
      changes: _c,
      reverse: _r,
      instructions: _i,
      suspend: _u,
      ...plain
    } = step.params;
    walk(plain, `${at}.params`, named);
    if (step.target.api !== 'none' && step.target.api !== 'iam' && step.target.api !== 'eks')
      walk(step.target, `${at}.target`, named);
    for (const key of ['account', 'roleAccount']) {
      const account = textOf(step.params, key);
      if (account !== null && !accounts.has(account))
        throw invalid('RL615', `${at}.params.${key}`, `is ${account}, an account of none of the plan's moves`);
    }
    if ('account' in step.target && !accounts.has(step.target.account))
      throw invalid(
        'RL615',
        `${at}.target.account`,
        `is ${step.target.account}, an account of none of the plan's moves`,
      );
    const move = step.move === null ? undefined : moves.get(step.move);
    for (const [key, arn] of boundRoles(step)) {
      const parts = parseArn(arn);
      if (parts !== null && parts.partition !== plan.cluster.partition && plan.cluster.partition !== '')
        throw invalid(
          'RL615',
          `${at}.params.${key}`,
          `is of the partition ${parts.partition}, the cluster is of ${plan.cluster.partition}`,
        );
      if (move !== undefined && !rolesOf(move).has(arn))
        throw invalid('RL615', `${at}.params.${key}`, `is ${arn}, a role that ${move.id} does not have`);
    }
    const [role, account, roleArn] = [
      textOf(step.params, 'role'),
      textOf(step.params, 'account'),
      textOf(step.params, 'roleArn'),
    ];
    checkTrust(step, at, move);
    if (step.kind.endsWith('-trust-statement') && roleArn !== null) {
      const parts = parseRoleArn(roleArn);
      if (parts?.name !== role || parts?.account !== account)
        throw invalid('RL615', `${at}.params.roleArn`, 'does not agree with account and role');
    }
  }
};
