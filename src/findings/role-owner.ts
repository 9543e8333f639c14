import type { Role } from '../model/inventory.js';
import { textAt } from '../model/json.js';
import type { PlanOptions } from '../model/options.js';
import type { Estate } from './rule.js';
import { matchesGlob } from './subjects.js';

/** Who writes a role besides people (H19). */
export interface RoleOwner {
  /** `none` only where a person said so: what nobody knows counts as managed. */
  readonly tool:
    | 'terraform'
    | 'pulumi'
    | 'cloudformation'
    | 'cdk'
    | 'eksctl'
    | 'ack'
    | 'crossplane'
    | 'other'
    | 'unknown'
    | 'none';
  readonly ref: string;
  readonly evidence: string;
}

const own = (map: Readonly<Record<string, string>>, key: string): string | undefined =>
  Object.hasOwn(map, key) ? map[key] : undefined;

const ownTool = (text: string): RoleOwner['tool'] => {
  const name = text.trim().toLowerCase();
  const known: readonly RoleOwner['tool'][] = [
    'terraform',
    'pulumi',
    'cloudformation',
    'cdk',
    'eksctl',
    'ack',
    'crossplane',
    'none',
  ];
  const found = known.find((each) => name === each);
  if (found !== undefined) return found;
  if (/terraform|opentofu|terragrunt|atlantis/.test(name)) return 'terraform';
  if (/pulumi/.test(name)) return 'pulumi';
  if (/cloudformation|stackset/.test(name)) return 'cloudformation';
  if (/\bcdk\b/.test(name)) return 'cdk';
  if (/crossplane/.test(name)) return 'crossplane';
  return 'other';
};

/** What a person said by `--iac ARN=TOOL`; globs on the left, the last one that matches counts. */
const byOption = (role: Role, options: PlanOptions): RoleOwner | null => {
  let found: RoleOwner | null = null;
  for (const text of options.iac) {
    const equals = text.lastIndexOf('=');
    if (equals < 0) continue;
    if (matchesGlob(text.slice(0, equals), role.arn) || text.slice(0, equals) === role.name)
      found = { tool: ownTool(text.slice(equals + 1)), ref: '', evidence: `--iac ${text}` };
  }
  return found;
};

const tagKeys: readonly string[] = [
  'managed-by',
  'managedby',
  'managed_by',
  'createdby',
  'created-by',
  'provisioner',
  'iac',
  'tool',
];

const byTags = (role: Role): RoleOwner | null => {
  const stack = own(role.tags, 'aws:cloudformation:stack-name') ?? own(role.tags, 'aws:cloudformation:stack-id');
  const eksctl = Object.keys(role.tags).find((key) => key.startsWith('alpha.eksctl.io/'));
  if (eksctl !== undefined)
    return {
      tool: 'eksctl',
      ref: own(role.tags, 'alpha.eksctl.io/cluster-name') ?? stack ?? '',
      evidence: `tag ${eksctl}`,
    };
  if (stack !== undefined)
    return {
      tool: Object.keys(role.tags).some((key) => key.startsWith('aws-cdk:')) ? 'cdk' : 'cloudformation',
      ref: stack,
      evidence: 'tag aws:cloudformation:stack-name',
    };
  const ack = Object.keys(role.tags).find((key) => key.startsWith('services.k8s.aws/'));
  if (ack !== undefined) return { tool: 'ack', ref: own(role.tags, ack) ?? '', evidence: `tag ${ack}` };
  const crossplane = Object.keys(role.tags).find((key) => key.startsWith('crossplane-'));
  if (crossplane !== undefined)
    return { tool: 'crossplane', ref: own(role.tags, 'crossplane-name') ?? '', evidence: `tag ${crossplane}` };
  for (const [key, value] of Object.entries(role.tags)) {
    const plain = key.toLowerCase().replace(/^.*[:/]/, '');
    if (
      plain === 'terraform' ||
      plain === 'terraformed' ||
      plain.startsWith('terraform-') ||
      plain.startsWith('terraform_')
    )
      return /^(false|no|0)$/i.test(value) ? null : { tool: 'terraform', ref: value, evidence: `tag ${key}` };
    if (tagKeys.includes(plain)) {
      if (/^(manual|hand|console|none|rolelift)$/i.test(value)) continue;
      return { tool: ownTool(value), ref: value, evidence: `tag ${key}=${value}` };
    }
  }
  return null;
};

/** A role that a controller in the cluster writes: AWS Controllers for Kubernetes, Crossplane. */
const byResource = (role: Role, estate: Estate): RoleOwner | null => {
  for (const { ref, raw } of estate.inventory.objects) {
    if (ref.kind !== 'Role') continue;
    const group = ref.apiVersion.split('/')[0] ?? '';
    const arn = textAt(raw, 'status', 'ackResourceMetadata', 'arn') ?? textAt(raw, 'status', 'atProvider', 'arn');
    const name =
      textAt(raw, 'spec', 'name') ?? textAt(raw, 'metadata', 'annotations', 'crossplane.io/external-name') ?? ref.name;
    if (arn !== role.arn && (arn !== undefined || name !== role.name)) continue;
    const at = `${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`;
    if (group === 'iam.services.k8s.aws') return { tool: 'ack', ref: at, evidence: `Role ${at} (${ref.apiVersion})` };
    if ((group.startsWith('iam.aws.') && group.includes('crossplane')) || group === 'iam.aws.upbound.io')
      return { tool: 'crossplane', ref: at, evidence: `Role ${at} (${ref.apiVersion})` };
  }
  return null;
};

/** Made by us: the mark is in its tags. */
const isOurs = (role: Role): boolean => own(role.tags, 'rolelift.dev/plan') !== undefined;

/**
 * Who owns a role: a person's word first, then tags, stacks and controllers' resources. Where nothing tells, the answer is
 * `unknown`, which counts as managed elsewhere (H19). Roles that we made are `none`.
 */
export const roleOwner = (role: Role, estate: Estate, options: PlanOptions): RoleOwner =>
  byOption(role, options) ??
  (isOurs(role) ? { tool: 'none', ref: '', evidence: 'tag rolelift.dev/plan' } : null) ??
  byTags(role) ??
  byResource(role, estate) ?? { tool: 'unknown', ref: '', evidence: 'no tag, stack or controller tells who writes it' };
