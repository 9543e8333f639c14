import { AwsFault, malformed, noSuchEntity } from './fault.js';
import {
  encodeDocument,
  isoTime,
  may,
  mayTag,
  need,
  page,
  type QueryCall,
  type QueryOperations,
  roleOf,
  tagList,
  tagsIn,
} from './iam-call.js';
import { managedPolicy } from './managed-policies.js';
import { countedSize, statementsOf } from './policy-language.js';
import type { InstanceProfileRecord, PolicyRecord } from './records.js';
import type { XmlValue } from './xml.js';

/** IAM's operations on managed policies and instance profiles (IAM API Reference). */

interface Found {
  readonly arn: string;
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly createdAt: number;
  readonly versions: readonly { readonly id: string; readonly document: string; readonly createdAt: number }[];
}

const find = (call: QueryCall, action: string): Found => {
  const arn = need(call, 'PolicyArn');
  may(call, action, arn);
  const own = call.account.policies.get(arn, call.lag);
  if (own) return own;
  const given = call.world.awsPolicies.get(arn);
  const managed = given ? { ...given, name: arn.split('/').at(-1) as string } : managedPolicy(arn);
  if (!managed) throw noSuchEntity(`Policy ${arn} was not found.`);
  const path = /:policy(\/.*\/|\/)[^/]+$/.exec(arn)?.[1] ?? '/';
  const versions = [{ id: managed.versionId, document: managed.document, createdAt: 0 }];
  return {
    arn,
    name: managed.name,
    path,
    id: 'ANPAAWSMANAGED0000000',
    description: '',
    tags: {},
    createdAt: 0,
    versions,
  };
};

const attachments = (call: QueryCall, arn: string): number =>
  call.account.roles.values().filter((role) => role.attached.includes(arn)).length;

const shown = (call: QueryCall, policy: Found): XmlValue => ({
  PolicyName: policy.name,
  PolicyId: policy.id,
  Arn: policy.arn,
  Path: policy.path,
  DefaultVersionId: policy.versions.at(-1)?.id,
  AttachmentCount: attachments(call, policy.arn),
  PermissionsBoundaryUsageCount: call.account.roles.values().filter((role) => role.boundary === policy.arn).length,
  IsAttachable: true,
  Description: policy.description === '' ? undefined : policy.description,
  CreateDate: isoTime(policy.createdAt),
  UpdateDate: isoTime(policy.versions.at(-1)?.createdAt ?? policy.createdAt),
  Tags: tagList(policy.tags),
});

const profileShown = (call: QueryCall, profile: InstanceProfileRecord): XmlValue => {
  const role = profile.role === null ? undefined : call.account.roles.get(profile.role.toLowerCase(), call.lag);
  return {
    Path: profile.path,
    InstanceProfileName: profile.name,
    InstanceProfileId: profile.id,
    Arn: profile.arn,
    CreateDate: isoTime(0),
    Roles:
      role === undefined
        ? []
        : [
            {
              Path: role.path,
              RoleName: role.name,
              RoleId: role.id,
              Arn: role.arn,
              CreateDate: isoTime(role.createdAt),
              AssumeRolePolicyDocument: encodeDocument(role.trust),
            },
          ],
  };
};

export const policyOperations: QueryOperations = {
  CreatePolicy: (call) => {
    const name = need(call, 'PolicyName');
    const path = call.params.get('Path') ?? '/';
    const arn = call.account.arn(`policy${path}${name}`);
    may(call, 'iam:CreatePolicy', arn);
    mayTag(call, 'iam:TagPolicy', arn);
    if (!/^[\w+=,.@-]{1,128}$/.test(name))
      throw new AwsFault('ValidationError', 400, "Value at 'policyName' failed to satisfy constraint");
    if (call.account.policies.values().some((each) => each.name.toLowerCase() === name.toLowerCase()))
      throw new AwsFault(
        'EntityAlreadyExists',
        409,
        `A policy called ${name} already exists. Duplicate names are not allowed.`,
      );
    const document = need(call, 'PolicyDocument');
    const statements = statementsOf(document);
    if (!statements) throw malformed('Syntax errors in policy.');
    if (statements.some((each) => each.principals !== null))
      throw malformed('Policy document should not specify a principal.');
    if (countedSize(document) > 6144)
      throw new AwsFault('LimitExceeded', 409, 'Cannot exceed quota for PolicySize: 6144');
    const at = call.world.now();
    const policy: PolicyRecord = {
      arn,
      name,
      path,
      id: call.world.nextId('ANPA'),
      description: call.params.get('Description') ?? '',
      tags: tagsIn(call),
      versions: [{ id: 'v1', document, createdAt: at }],
      createdAt: at,
    };
    call.account.policies.set(arn, policy);
    return { Policy: shown(call, policy) };
  },

  GetPolicy: (call) => ({ Policy: shown(call, find(call, 'iam:GetPolicy')) }),

  GetPolicyVersion: (call) => {
    const policy = find(call, 'iam:GetPolicyVersion');
    const id = need(call, 'VersionId');
    const version = policy.versions.find((each) => each.id === id);
    if (!version) throw noSuchEntity(`Policy ${policy.arn} version ${id} does not exist or is not attachable.`);
    return {
      PolicyVersion: {
        Document: encodeDocument(version.document),
        VersionId: id,
        IsDefaultVersion: version === policy.versions.at(-1),
        CreateDate: isoTime(version.createdAt),
      },
    };
  },

  ListPolicyVersions: (call) => {
    const policy = find(call, 'iam:ListPolicyVersions');
    return page(call, [...policy.versions].reverse(), 'Versions', (each) => ({
      VersionId: each.id,
      IsDefaultVersion: each === policy.versions.at(-1),
      CreateDate: isoTime(each.createdAt),
    }));
  },

  ListPolicies: (call) => {
    may(call, 'iam:ListPolicies', '*');
    return page(call, call.account.policies.values(call.lag), 'Policies', (policy) => shown(call, policy));
  },

  CreatePolicyVersion: (call) => {
    const policy = find(call, 'iam:CreatePolicyVersion');
    const own = call.account.policies.get(policy.arn);
    if (!own) throw noSuchEntity(`Policy ${policy.arn} was not found.`);
    if (own.versions.length >= 5)
      throw new AwsFault('LimitExceeded', 409, 'A managed policy can have up to 5 versions.');
    const document = need(call, 'PolicyDocument');
    if (!statementsOf(document)) throw malformed('Syntax errors in policy.');
    const next = Math.max(...own.versions.map((each) => Number(each.id.slice(1)))) + 1;
    const version = { id: `v${next}`, document, createdAt: call.world.now() };
    call.account.policies.set(own.arn, { ...own, versions: [...own.versions, version] });
    return { PolicyVersion: { VersionId: version.id, IsDefaultVersion: true, CreateDate: isoTime(version.createdAt) } };
  },

  DeletePolicy: (call) => {
    const policy = find(call, 'iam:DeletePolicy');
    if (!call.account.policies.get(policy.arn)) throw noSuchEntity(`Policy ${policy.arn} was not found.`);
    if (attachments(call, policy.arn) > 0)
      throw new AwsFault('DeleteConflict', 409, 'Cannot delete a policy attached to entities.');
    if (policy.versions.length > 1)
      throw new AwsFault(
        'DeleteConflict',
        409,
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions.",
      );
    call.account.policies.delete(policy.arn);
    return {};
  },

  ListEntitiesForPolicy: (call) => {
    const policy = find(call, 'iam:ListEntitiesForPolicy');
    const roles = call.account.roles.values(call.lag).filter((role) => role.attached.includes(policy.arn));
    return {
      PolicyGroups: [],
      PolicyUsers: [],
      ...(page(call, roles, 'PolicyRoles', (role) => ({ RoleName: role.name, RoleId: role.id })) as object),
    };
  },

  GetInstanceProfile: (call) => {
    const name = need(call, 'InstanceProfileName');
    may(call, 'iam:GetInstanceProfile', call.account.arn(`instance-profile/${name}`));
    const profile = call.account.profiles.get(name.toLowerCase(), call.lag);
    if (!profile) throw noSuchEntity(`Instance Profile ${name} cannot be found.`);
    return { InstanceProfile: profileShown(call, profile) };
  },

  ListInstanceProfilesForRole: (call) => {
    const role = roleOf(call, 'iam:ListInstanceProfilesForRole', true);
    const profiles = call.account.profiles.values(call.lag).filter((profile) => profile.role === role.name);
    return page(call, profiles, 'InstanceProfiles', (profile) => profileShown(call, profile));
  },

  ListInstanceProfiles: (call) => {
    may(call, 'iam:ListInstanceProfiles', '*');
    return page(call, call.account.profiles.values(call.lag), 'InstanceProfiles', (profile) =>
      profileShown(call, profile),
    );
  },
};
