import type { Finding } from '../model/finding.js';
import type { PlanOptions } from '../model/options.js';
import type { Move } from '../model/plan.js';
import { parseRoleArn } from '../model/resource.js';
import type { Intent } from './proposals.js';

/** Namespaces on which the cluster itself stands. */
const systemNamespaces = new Set(['kube-system', 'kube-public', 'kube-node-lease']);

/**
 * How much a move can hurt. High: what the cluster itself runs on, a blocking finding that somebody accepted, or an old way that
 * is given up before the proof. Medium: a warning, a new account or role, another account, a hand-off. Low: the rest.
 */
export const riskOf = (intent: Intent, own: readonly Finding[], options: PlanOptions): Move['risk'] => {
  const { proposal } = intent;
  if (systemNamespaces.has(proposal.subject.namespace)) return 'high';
  if (own.some((finding) => finding.severity === 'block')) return 'high';
  if (options.restart === 'once' && !proposal.split) return 'high';
  const accounts = new Set(
    [proposal.from.role, proposal.to?.role, proposal.to?.associationRole].flatMap((role) => {
      const account = role === null || role === undefined ? undefined : parseRoleArn(role)?.account;
      return account === undefined ? [] : [account];
    }),
  );
  const medium =
    own.some((finding) => finding.severity === 'warn') ||
    proposal.split ||
    proposal.newRole ||
    proposal.delivery === 'handoff' ||
    accounts.size > 1 ||
    proposal.to?.associationRole != null;
  return medium ? 'medium' : 'low';
};
