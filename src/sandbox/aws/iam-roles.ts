import { AwsFault, invalid, malformed, noSuchEntity } from './fault.js';
import {
  encodeDocument,
  isoTime,
  may,
  mayTag,
  members,
  need,
  page,
  type QueryCall,
  type QueryOperations,
  roleOf,
  tagList,
  tagsIn,
  without,
} from './iam-call.js';
import { managedPolicy } from './managed-policies.js';
import { countedSize, statementsOf } from './policy-language.js';
import type { RoleRecord } from './records.js';
import { acceptTrust, shownTrust } from './role-trust.js';
import type { XmlValue } from './xml.js';

/** IAM's operations on roles (IAM API Reference; error codes as its service model lists them). */

const brief = (call: QueryCall, role: RoleRecord): Record<string, XmlValue> => ({
  Path: role.path,
  RoleName: role.name,
  RoleId: role.id,
  Arn: role.arn,
  CreateDate: isoTime(role.createdAt),
  AssumeRolePolicyDocument: encodeDocument(shownTrust(call.world, role)),
  Description: role.description === '' ? undefined : role.description,
  MaxSessionDuration: role.maxSessionSeconds,
});

const full = (call: QueryCall, role: RoleRecord): XmlValue => {
  const used = call.account.lastUsed.get(role.arn, call.world.settings.lastUsedLagMs);
  return {
    ...brief(call, role),
    PermissionsBoundary:
      role.boundary === null ? undefined : { PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn: role.boundary },
    Tags: tagList(role.tags),
    RoleLastUsed: used === undefined ? {} : { LastUsedDate: isoTime(used.at), Region: used.region },
  };
};

const linked = (role: RoleRecord): void => {
  if (role.path.startsWith('/aws-service-role/'))
    throw new AwsFault(
      'UnmodifiableEntity',
      400,
      `Cannot perform the operation on the protected role '${role.name}' - this role is only modifiable by AWS`,
    );
};

const store = (call: QueryCall, role: RoleRecord): void => call.account.roles.set(role.name.toLowerCase(), role);
const quota = (call: QueryCall, key: string, otherwise: number): number => call.account.quotas.get(key) ?? otherwise;

export const roleOperations: QueryOperations = {
  GetRole: (call) => ({ Role: full(call, roleOf(call, 'iam:GetRole', true)) }),

  ListRoles: (call) => {
    may(call, 'iam:ListRoles', '*');
    const prefix = call.params.get('PathPrefix') ?? '/';
    const roles = call.account.roles.values(call.lag).filter((role) => role.path.startsWith(prefix));
    return page(call, roles, 'Roles', (role) => brief(call, role));
  },

  CreateRole: (call) => {
    const name = need(call, 'RoleName');
    const path = call.params.get('Path') ?? '/';
    const arn = call.account.arn(`role${path}${name}`);
    may(call, 'iam:CreateRole', arn);
    mayTag(call, 'iam:TagRole', arn);
    if (!/^[\w+=,.@-]{1,64}$/.test(name))
      throw invalid(
        `1 validation error detected: Value at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64`,
      );
    if (!/^\/(?:[\x21-\x7e]*\/)?$/.test(path)) throw invalid("Value at 'path' failed to satisfy constraint");
    const duration = Number(call.params.get('MaxSessionDuration') ?? 3600);
    if (!(duration >= 3600 && duration <= 43_200))
      throw invalid("Value at 'maxSessionDuration' failed to satisfy constraint");
    if (call.account.roles.get(name.toLowerCase()))
      throw new AwsFault('EntityAlreadyExists', 409, `Role with name ${name} already exists.`);
    if (call.account.roles.entries().length >= quota(call, 'RolesQuota', 1000))
      throw new AwsFault('LimitExceeded', 409, 'Cannot exceed quota for RolesPerAccount: 1000');
    const trust = need(call, 'AssumeRolePolicyDocument');
    const boundary = call.params.get('PermissionsBoundary') ?? null;
    if (boundary !== null && call.world.policyDocument(boundary) === undefined)
      throw noSuchEntity(`Scope ARN: ${boundary} does not exist or is not attachable.`);
    const role: RoleRecord = {
      arn,
      name,
      path,
      account: call.account.id,
      id: call.world.nextId('AROA'),
      trust,
      principals: acceptTrust(call.world, call.account.id, trust),
      description: call.params.get('Description') ?? '',
      maxSessionSeconds: duration,
      boundary,
      tags: tagsIn(call),
      attached: [],
      inline: {},
      createdAt: call.world.now(),
    };
    store(call, role);
    return { Role: { ...brief(call, role), Tags: tagList(role.tags) } };
  },

  DeleteRole: (call) => {
    const role = roleOf(call, 'iam:DeleteRole', false);
    linked(role);
    const conflict = (what: string): AwsFault =>
      new AwsFault('DeleteConflict', 409, `Cannot delete entity, must ${what} first.`);
    if (role.attached.length > 0) throw conflict('detach all policies');
    if (Object.keys(role.inline).length > 0) throw conflict('delete policies');
    if (call.account.profiles.values().some((profile) => profile.role === role.name))
      throw conflict('remove roles from instance profile');
    call.account.roles.delete(role.name.toLowerCase());
    return {};
  },

  UpdateAssumeRolePolicy: (call) => {
    const role = roleOf(call, 'iam:UpdateAssumeRolePolicy', false);
    linked(role);
    const trust = need(call, 'PolicyDocument');
    store(call, { ...role, trust, principals: acceptTrust(call.world, call.account.id, trust) });
    return {};
  },

  UpdateRole: (call) => {
    const role = roleOf(call, 'iam:UpdateRole', false);
    linked(role);
    store(call, {
      ...role,
      description: call.params.get('Description') ?? role.description,
      maxSessionSeconds: Number(call.params.get('MaxSessionDuration') ?? role.maxSessionSeconds),
    });
    return {};
  },

  ListAttachedRolePolicies: (call) => {
    const role = roleOf(call, 'iam:ListAttachedRolePolicies', true);
    return page(call, role.attached, 'AttachedPolicies', (arn) => ({
      PolicyName: arn.split('/').at(-1) as string,
      PolicyArn: arn,
    }));
  },

  AttachRolePolicy: (call) => {
    const role = roleOf(call, 'iam:AttachRolePolicy', false);
    linked(role);
    const arn = need(call, 'PolicyArn');
    if (call.world.policyDocument(arn) === undefined && managedPolicy(arn) === null)
      throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
    if (role.attached.includes(arn)) return {};
    const limit = quota(call, 'AttachedPoliciesPerRoleQuota', 10);
    if (role.attached.length >= limit)
      throw new AwsFault('LimitExceeded', 409, `Cannot exceed quota for PoliciesPerRole: ${limit}`);
    store(call, { ...role, attached: [...role.attached, arn] });
    return {};
  },

  DetachRolePolicy: (call) => {
    const role = roleOf(call, 'iam:DetachRolePolicy', false);
    linked(role);
    const arn = need(call, 'PolicyArn');
    if (!role.attached.includes(arn)) throw noSuchEntity(`Policy ${arn} was not found.`);
    store(call, { ...role, attached: role.attached.filter((each) => each !== arn) });
    return {};
  },

  ListRolePolicies: (call) => {
    const role = roleOf(call, 'iam:ListRolePolicies', true);
    return page(call, Object.keys(role.inline).sort(), 'PolicyNames', (name) => name);
  },

  GetRolePolicy: (call) => {
    const role = roleOf(call, 'iam:GetRolePolicy', true);
    const name = need(call, 'PolicyName');
    if (!Object.hasOwn(role.inline, name)) throw noSuchEntity(`The role policy with name ${name} cannot be found.`);
    return { RoleName: role.name, PolicyName: name, PolicyDocument: encodeDocument(role.inline[name] as string) };
  },

  PutRolePolicy: (call) => {
    const role = roleOf(call, 'iam:PutRolePolicy', false);
    linked(role);
    const name = need(call, 'PolicyName');
    const document = need(call, 'PolicyDocument');
    if (!statementsOf(document)) throw malformed('Syntax errors in policy.');
    const inline = { ...role.inline, [name]: document };
    const limit = quota(call, 'RolePolicySizeQuota', 10_240);
    if (Object.values(inline).reduce((sum, each) => sum + countedSize(each), 0) > limit)
      throw new AwsFault('LimitExceeded', 409, `Maximum policy size of ${limit} bytes exceeded for role ${role.name}`);
    store(call, { ...role, inline });
    return {};
  },

  DeleteRolePolicy: (call) => {
    const role = roleOf(call, 'iam:DeleteRolePolicy', false);
    linked(role);
    const name = need(call, 'PolicyName');
    if (!Object.hasOwn(role.inline, name)) throw noSuchEntity(`The role policy with name ${name} cannot be found.`);
    store(call, { ...role, inline: without(role.inline, [name]) });
    return {};
  },

  TagRole: (call) => {
    const role = roleOf(call, 'iam:TagRole', false);
    const tags = { ...role.tags, ...tagsIn(call) };
    if (Object.keys(tags).length > 50)
      throw new AwsFault('LimitExceeded', 409, 'The number of tags has reached the maximum limit.');
    store(call, { ...role, tags });
    return {};
  },
  UntagRole: (call) => {
    const role = roleOf(call, 'iam:UntagRole', false);
    store(call, { ...role, tags: without(role.tags, members(call, 'TagKeys')) });
    return {};
  },
  ListRoleTags: (call) => {
    const role = roleOf(call, 'iam:ListRoleTags', true);
    return page(call, Object.entries(role.tags), 'Tags', ([Key, Value]) => ({ Key, Value }));
  },

  PutRolePermissionsBoundary: (call) => {
    const role = roleOf(call, 'iam:PutRolePermissionsBoundary', false);
    const boundary = need(call, 'PermissionsBoundary');
    if (call.world.policyDocument(boundary) === undefined)
      throw noSuchEntity(`Scope ARN: ${boundary} does not exist or is not attachable.`);
    store(call, { ...role, boundary });
    return {};
  },
  DeleteRolePermissionsBoundary: (call) => {
    const role = roleOf(call, 'iam:DeleteRolePermissionsBoundary', false);
    store(call, { ...role, boundary: null });
    return {};
  },
};
