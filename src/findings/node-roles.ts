import type { NodeRole, Role } from '../model/inventory.js';
import { type CniPolicy, cniPoliciesOf } from './cni-permission.js';
import { roleByArn } from './policy-documents.js';
import type { Proposal, RuleInput } from './rule.js';
import { sorted } from './subjects.js';

/** A node role that the nodes' part of a plan is about, with the CNI policies that it carries. */
export interface NodeRoleInPlay {
  readonly nodeRole: NodeRole;
  readonly role: Role | undefined;
  readonly cni: readonly CniPolicy[];
}

/** Fargate's pod execution role and Auto Mode's nodes have no CNI that the user runs (EKS User Guide). */
const ownsCni = ({ sources }: NodeRole): boolean =>
  sources.some(({ kind }) => kind !== 'fargate-profile' && kind !== 'auto-mode');

/** Node roles in scope; stale ones, which no node runs with, are left out unless they are asked for. */
export const nodeRolesInPlay = (input: RuleInput): readonly NodeRoleInPlay[] =>
  input.options.scope.includes('nodes')
    ? input.estate.inventory.nodeRoles
        .filter((nodeRole) => nodeRole.inUse && ownsCni(nodeRole))
        .map((nodeRole) => {
          const role = roleByArn(input.estate.inventory, nodeRole.arn);
          return { nodeRole, role, cni: role === undefined ? [] : cniPoliciesOf(input.estate.inventory, role) };
        })
    : [];

/** Moves away from a node role: their detachment is what findings about it are for. */
export const movesOffNode = (input: RuleInput, arn: string): readonly string[] =>
  sorted(
    input.proposals
      .filter(
        (proposal: Proposal) =>
          proposal.from.broker === 'node-role' && (proposal.from.role === null || proposal.from.role === arn),
      )
      .map(({ id }) => id),
  );
