import { AwsError } from '../../src/model/aws-error.js';
import type { JsonObject } from '../../src/model/json.js';
import type { AwsWriter } from '../../src/model/ports.js';
import type { Seen } from './fake-world.js';

type Raw = any;
const clone = <T>(value: T): T => structuredClone(value);
const aws = (operation: string, errorName: string, status = 400): AwsError =>
  new AwsError(
    { code: 'RL731', message: `${operation}: ${errorName}`, cause: errorName, remedy: 'none: a test', fault: 'remote' },
    { errorName, status, service: 'test', operation },
  );

/** IAM, EKS and STS in memory, as far as steps call them; documents come back URL-encoded as IAM sends them. */
export class FakeAccount {
  readonly roles = new Map<string, Raw>();
  readonly providers = new Map<string, Raw>();
  readonly policies = new Map<string, Raw>();
  readonly associations = new Map<string, Raw>();
  readonly addons = new Map<string, Raw>();
  readonly instances: Raw[] = [];
  readonly events: Raw[] = [];
  /** Reads of a role that still show its trust policy of before the last write. */
  staleReads = 0;
  /** EKS does not know new roles for so many calls. */
  unknownRoleFor = 0;
  /** STS refuses so many exchanges. */
  refuseExchange = 0;
  /** Called after an add-on changed, as EKS restarts its pods. */
  onAddonChange: () => void = () => undefined;
  readonly log: (seen: Seen) => void;
  readonly lost: () => void;
  #id = 0;

  constructor(log: (seen: Seen) => void, lost: () => void) {
    this.log = log;
    this.lost = lost;
  }
  role(name: string, trust: unknown, more: Raw = {}): Raw {
    const role = {
      Arn: `arn:aws:iam::111122223333:role${more.Path ?? '/'}${name}`,
      RoleName: name,
      RoleId: `AROA${++this.#id}`,
      Path: '/',
      MaxSessionDuration: 3600,
      trust: typeof trust === 'string' ? trust : JSON.stringify(trust),
      before: null,
      attached: [],
      inline: {},
      Tags: [],
      profiles: [],
      ...more,
    };
    this.roles.set(name, role);
    return role;
  }
  associationFor(namespace: string, serviceAccount: string): Raw | null {
    return (
      [...this.associations.values()].find(
        (one) => one.namespace === namespace && one.serviceAccount === serviceAccount,
      ) ?? null
    );
  }
  addonRoleFor(serviceAccount: string): string | undefined {
    return [...this.addons.values()].find((one) => one.serves === serviceAccount)?.serviceAccountRoleArn;
  }
  state(): unknown {
    return {
      roles: [...this.roles.values()]
        .map(({ RoleId: _id, before: _b, ...role }) => ({ ...role, attached: [...role.attached].sort() }))
        .sort(byJson),
      providers: [...this.providers.entries()].sort(),
      policies: [...this.policies.entries()].sort(),
      associations: [...this.associations.values()]
        .map(({ associationId: _id, associationArn: _a, ...one }) => one)
        .sort(byJson),
      addons: [...this.addons.values()]
        .map(({ podIdentityAssociations: _p, updateId: _u, ...addon }) => addon)
        .sort(byJson),
    };
  }
  port(account: string): AwsWriter {
    return {
      account,
      region: 'eu-west-1',
      writes: true,
      call: async (service, operation, input) => {
        this.log({ api: 'aws', service, operation, account, input });
        const answer = this.#answer(operation, clone(input) as Raw);
        if (!/^(Get|List|Describe|Lookup|AssumeRole)/.test(operation)) this.lost();
        return clone(answer ?? {}) as JsonObject;
      },
    };
  }
  #roleOf(operation: string, name: string): Raw {
    const role = this.roles.get(name);
    if (role === undefined) throw aws(operation, 'NoSuchEntity', 404);
    return role;
  }
  #shown(role: Raw): Raw {
    const stale = this.staleReads > 0 && role.before !== null;
    if (stale) this.staleReads -= 1;
    const { trust, before, attached: _a, inline: _i, profiles: _p, ...rest } = role;
    return { ...rest, AssumeRolePolicyDocument: encodeURIComponent(stale ? before : trust) };
  }
  #answer(operation: string, input: Raw): Raw {
    const provider = (): Raw => {
      const found = this.providers.get(input.OpenIDConnectProviderArn);
      if (found === undefined) throw aws(operation, 'NoSuchEntity', 404);
      return found;
    };
    switch (operation) {
      case 'GetRole':
        return { Role: this.#shown(this.#roleOf(operation, input.RoleName)) };
      case 'ListRoles':
        return { Roles: [...this.roles.values()].map((role) => this.#shown(role)), IsTruncated: false };
      case 'CreateRole': {
        if (this.roles.has(input.RoleName)) throw aws(operation, 'EntityAlreadyExists', 409);
        return this.role(input.RoleName, input.AssumeRolePolicyDocument, {
          Path: input.Path,
          Description: input.Description,
          MaxSessionDuration: input.MaxSessionDuration,
          Tags: input.Tags ?? [],
          ...(input.PermissionsBoundary
            ? { PermissionsBoundary: { PermissionsBoundaryArn: input.PermissionsBoundary } }
            : {}),
        });
      }
      case 'DeleteRole': {
        const role = this.#roleOf(operation, input.RoleName);
        if (role.attached.length > 0 || Object.keys(role.inline).length > 0)
          throw aws(operation, 'DeleteConflict', 409);
        this.roles.delete(input.RoleName);
        return {};
      }
      case 'UpdateAssumeRolePolicy': {
        const role = this.#roleOf(operation, input.RoleName);
        role.before = role.trust;
        role.trust = input.PolicyDocument;
        return {};
      }
      case 'ListAttachedRolePolicies':
        return {
          AttachedPolicies: this.#roleOf(operation, input.RoleName).attached.map((PolicyArn: string) => ({
            PolicyArn,
          })),
        };
      case 'ListRolePolicies':
        return { PolicyNames: Object.keys(this.#roleOf(operation, input.RoleName).inline) };
      case 'ListInstanceProfilesForRole':
        return { InstanceProfiles: this.#roleOf(operation, input.RoleName).profiles.map((Arn: string) => ({ Arn })) };
      case 'AttachRolePolicy': {
        const role = this.#roleOf(operation, input.RoleName);
        role.attached = [...new Set([...role.attached, input.PolicyArn])];
        return {};
      }
      case 'DetachRolePolicy': {
        const role = this.#roleOf(operation, input.RoleName);
        if (!role.attached.includes(input.PolicyArn)) throw aws(operation, 'NoSuchEntity', 404);
        role.attached = role.attached.filter((arn: string) => arn !== input.PolicyArn);
        return {};
      }
      case 'GetRolePolicy': {
        const text = this.#roleOf(operation, input.RoleName).inline[input.PolicyName];
        if (text === undefined) throw aws(operation, 'NoSuchEntity', 404);
        return { PolicyDocument: encodeURIComponent(text) };
      }
      case 'PutRolePolicy':
        this.#roleOf(operation, input.RoleName).inline[input.PolicyName] = input.PolicyDocument;
        return {};
      case 'DeleteRolePolicy': {
        const { inline } = this.#roleOf(operation, input.RoleName);
        if (inline[input.PolicyName] === undefined) throw aws(operation, 'NoSuchEntity', 404);
        delete inline[input.PolicyName];
        return {};
      }
      case 'CreatePolicy': {
        const arn = `arn:aws:iam::111122223333:policy${input.Path}${input.PolicyName}`;
        if (this.policies.has(arn)) throw aws(operation, 'EntityAlreadyExists', 409);
        this.policies.set(arn, { document: input.PolicyDocument, Tags: input.Tags, AttachmentCount: 0 });
        return {};
      }
      case 'GetPolicy': {
        const policy = this.policies.get(input.PolicyArn);
        if (policy === undefined) throw aws(operation, 'NoSuchEntity', 404);
        return { Policy: { DefaultVersionId: 'v1', Tags: policy.Tags, AttachmentCount: policy.AttachmentCount } };
      }
      case 'GetPolicyVersion':
        return { PolicyVersion: { Document: encodeURIComponent(this.policies.get(input.PolicyArn).document) } };
      case 'DeletePolicy':
        if (!this.policies.delete(input.PolicyArn)) throw aws(operation, 'NoSuchEntity', 404);
        return {};
      case 'CreateOpenIDConnectProvider': {
        const arn = `arn:aws:iam::111122223333:oidc-provider/${input.Url.slice(8)}`;
        if (this.providers.has(arn)) throw aws(operation, 'EntityAlreadyExists', 409);
        this.providers.set(arn, { ClientIDList: input.ClientIDList, Tags: input.Tags ?? [] });
        return { OpenIDConnectProviderArn: arn };
      }
      case 'GetOpenIDConnectProvider':
        return provider();
      case 'AddClientIDToOpenIDConnectProvider':
        provider().ClientIDList = [...new Set([...provider().ClientIDList, input.ClientID])];
        return {};
      case 'RemoveClientIDFromOpenIDConnectProvider':
        provider().ClientIDList = provider().ClientIDList.filter((one: string) => one !== input.ClientID);
        return {};
      case 'DeleteOpenIDConnectProvider':
        provider();
        this.providers.delete(input.OpenIDConnectProviderArn);
        return {};
      case 'DescribeInstances':
        return { Reservations: [{ Instances: this.instances }] };
      case 'ListPodIdentityAssociations':
        return {
          associations: [...this.associations.values()]
            .filter(
              (one) =>
                (input.namespace ?? one.namespace) === one.namespace &&
                (input.serviceAccount ?? one.serviceAccount) === one.serviceAccount,
            )
            .map(({ associationId, namespace, serviceAccount }) => ({ associationId, namespace, serviceAccount })),
        };
      case 'DescribePodIdentityAssociation': {
        const association = this.associations.get(input.associationId);
        if (association === undefined) throw aws(operation, 'ResourceNotFound', 404);
        return { association };
      }
      case 'CreatePodIdentityAssociation': {
        if (this.unknownRoleFor > 0) {
          this.unknownRoleFor -= 1;
          throw new AwsError(
            {
              code: 'RL731',
              message: 'Role provided in the request does not exist',
              cause: '',
              remedy: '',
              fault: 'remote',
            },
            { errorName: 'InvalidParameter', status: 400, service: 'eks', operation },
          );
        }
        if (this.associationFor(input.namespace, input.serviceAccount)) throw aws(operation, 'ResourceInUse', 409);
        const { clientRequestToken: _t, clusterName, ...rest } = input;
        const associationId = `a-${++this.#id}`;
        const association = {
          ...rest,
          clusterName,
          associationId,
          associationArn: `arn:aws:eks:eu-west-1:111122223333:podidentityassociation/${clusterName}/${associationId}`,
        };
        this.associations.set(associationId, association);
        return { association };
      }
      case 'DeletePodIdentityAssociation':
        if (!this.associations.delete(input.associationId)) throw aws(operation, 'ResourceNotFound', 404);
        return {};
      case 'DescribeAddon': {
        const addon = this.addons.get(input.addonName);
        if (addon === undefined) throw aws(operation, 'ResourceNotFound', 404);
        return { addon };
      }
      case 'CreateAddon':
        this.addons.set(input.addonName, {
          addonName: input.addonName,
          addonVersion: 'v1',
          status: 'ACTIVE',
          tags: input.tags,
          podIdentityAssociations: [],
        });
        return {};
      case 'DeleteAddon':
        if (!this.addons.delete(input.addonName)) throw aws(operation, 'ResourceNotFound', 404);
        return {};
      case 'UpdateAddon': {
        const addon = this.addons.get(input.addonName);
        if (addon === undefined) throw aws(operation, 'ResourceNotFound', 404);
        // What is not sent is dropped, which is how the field's tools take it.
        if (input.serviceAccountRoleArn === undefined) delete addon.serviceAccountRoleArn;
        else addon.serviceAccountRoleArn = input.serviceAccountRoleArn;
        this.onAddonChange();
        return { update: { id: `u-${++this.#id}` } };
      }
      case 'DescribeUpdate':
        return { update: { id: input.updateId, status: 'Successful' } };
      case 'AssumeRoleWithWebIdentity':
        if (this.refuseExchange > 0) {
          this.refuseExchange -= 1;
          throw aws(operation, 'AccessDenied', 403);
        }
        return { Credentials: { AccessKeyId: 'x', SecretAccessKey: 'y', SessionToken: 'z' } };
      case 'LookupEvents':
        return { Events: this.events };
      default:
        throw new Error(`the fake account does not know ${operation}`);
    }
  }
}
const byJson = (left: unknown, right: unknown): number => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1);
