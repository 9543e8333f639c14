import type { Estate } from '../findings/rule.js';
import { trustStatements } from '../findings/trust-plans.js';
import { byText } from '../model/canonical.js';
import type { JsonObject } from '../model/json.js';
import type { PlanOptions } from '../model/options.js';
import { parseRoleArn } from '../model/resource.js';
import { parseTrust } from '../trust/document.js';
import { targetStatementFor } from '../trust/statement.js';
import type { StepDraft } from './draft.js';
import type { Intent } from './proposals.js';
import { roleOf } from './roles.js';

/** Inline policies of a role as documents; null where one cannot be read. */
export const inlinePolicies = (
  inline: Readonly<Record<string, string>>,
): readonly { readonly name: string; readonly document: JsonObject }[] | null => {
  const found: { readonly name: string; readonly document: JsonObject }[] = [];
  for (const name of Object.keys(inline).sort(byText)) {
    const parsed = parseTrust(inline[name] as string);
    if (parsed.is !== 'document') return null;
    found.push({ name, document: parsed.json });
  }
  return found;
};

/** What a new role is made of. */
export interface RoleModel {
  readonly arn: string;
  readonly description: string;
  readonly trust: JsonObject;
  readonly boundary: string | null;
  readonly maxSessionSeconds: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly attached: readonly string[];
  readonly inline: readonly { readonly name: string; readonly document: JsonObject }[];
}

/** `create-role` with its policies, each a step of its own so that each has its undo. */
export const roleSteps = (move: string, model: RoleModel, dependsOn: readonly string[]): readonly StepDraft[] => {
  const role = parseRoleArn(model.arn);
  if (role === null) return [];
  const target = { api: 'iam', kind: 'Role', account: role.account, name: role.name } as const;
  const policyIds: string[] = [];
  const attached = model.attached.map((policyArn): StepDraft => {
    const id = `attach-role-policy:${role.account}/Role/${role.name}:${policyArn.split(':policy/').at(-1) as string}`;
    policyIds.push(id);
    return {
      id,
      kind: 'attach-role-policy',
      stage: 'prepare',
      move,
      target,
      params: { account: role.account, role: role.name, policyArn },
      before: { attached: false },
      after: { attached: true },
      dependsOn: [`create-role:${role.account}/Role/${role.name}`],
      undoDependsOn: [],
    };
  });
  const inline = model.inline.map(({ name, document }): StepDraft => {
    const id = `put-role-policy:${role.account}/Role/${role.name}:${name}`;
    policyIds.push(id);
    return {
      id,
      kind: 'put-role-policy',
      stage: 'prepare',
      move,
      target,
      params: { account: role.account, role: role.name, policyName: name, document },
      before: { document: null },
      after: { document },
      dependsOn: [`create-role:${role.account}/Role/${role.name}`],
      undoDependsOn: [],
    };
  });
  const created: StepDraft = {
    id: `create-role:${role.account}/Role/${role.name}`,
    kind: 'create-role',
    stage: 'prepare',
    move,
    target,
    params: {
      account: role.account,
      name: role.name,
      path: role.path,
      description: model.description.slice(0, 1000),
      trust: model.trust,
      boundary: model.boundary,
      maxSessionSeconds: model.maxSessionSeconds,
      tags: model.tags,
    },
    before: { exists: false },
    after: { exists: true },
    dependsOn,
    undoDependsOn: policyIds,
  };
  return [created, ...attached, ...inline];
};

/** Tags that a copy may carry: those that AWS reserves cannot be set (IAM tagging rules). */
const copiedTags = (tags: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(tags).filter(([key]) => !/^aws:/i.test(key)));

/** The dedicated role of a service account: the policies, boundary, tags, path and session duration of today's (H14). */
export const newRoleSteps = (
  estate: Estate,
  options: PlanOptions,
  intent: Intent,
  dependsOn: readonly string[],
): readonly StepDraft[] => {
  const { from, to, id } = intent.proposal;
  const old = from.role === null ? undefined : roleOf(estate, from.role);
  if (to === null || old === undefined) return [];
  const statements =
    to.associationRole === null
      ? trustStatements(estate, options, { ...to, role: to.role }).map(({ statement }) => statement)
      : [targetStatementFor({ associationRole: to.associationRole })];
  const chain =
    to.associationRole === null
      ? []
      : [`create-role:${parseRoleArn(to.associationRole)?.account}/Role/${parseRoleArn(to.associationRole)?.name}`];
  return roleSteps(
    id,
    {
      arn: to.role,
      description: old.description,
      trust: { Version: '2012-10-17', Statement: statements },
      boundary: old.boundary ?? null,
      maxSessionSeconds: old.maxSessionSeconds,
      tags: copiedTags(old.tags),
      attached: [...old.attached].sort(byText),
      inline: inlinePolicies(old.inline) ?? [],
    },
    [...dependsOn, ...chain],
  );
};
