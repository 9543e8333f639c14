import type { JsonObject } from '../../model/json.js';

/** What the simulated account keeps. All of it immutable: a change makes a new record. */

export type Texts = Readonly<Record<string, string>>;

export interface RoleRecord {
  readonly arn: string;
  readonly name: string;
  readonly path: string;
  readonly account: string;
  /** `AROA…`: a role made again under the same name has another. */
  readonly id: string;
  /** Trust policy, byte for byte as it was written. */
  readonly trust: string;
  /** Unique ids of the roles and users that the trust policy named when it was written, by ARN (IAM User Guide, principals). */
  readonly principals: Texts;
  readonly description: string;
  readonly maxSessionSeconds: number;
  readonly boundary: string | null;
  readonly tags: Texts;
  readonly attached: readonly string[];
  readonly inline: Texts;
  readonly createdAt: number;
}

export interface PolicyRecord {
  readonly arn: string;
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly description: string;
  readonly tags: Texts;
  /** Oldest first; the last is the default. */
  readonly versions: readonly { readonly id: string; readonly document: string; readonly createdAt: number }[];
  readonly createdAt: number;
}

export interface ProviderRecord {
  readonly arn: string;
  /** Issuer without `https://`. */
  readonly url: string;
  readonly audiences: readonly string[];
  readonly thumbprints: readonly string[];
  readonly tags: Texts;
  readonly createdAt: number;
}

export interface InstanceProfileRecord {
  readonly arn: string;
  readonly name: string;
  readonly path: string;
  readonly id: string;
  /** Name of its role; an instance profile has at most one. */
  readonly role: string | null;
}

export interface Instance {
  readonly id: string;
  readonly region: string;
  readonly profile: string | null;
  readonly tags: Texts;
  readonly hopLimit: number;
  readonly tokensRequired: boolean;
  readonly privateDnsName: string;
  readonly launchTemplate: string | null;
}

export interface AssociationRecord {
  readonly id: string;
  readonly arn: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly role: string;
  readonly targetRole: string | null;
  readonly externalId: string | null;
  readonly disableSessionTags: boolean;
  readonly policy: string | null;
  readonly ownerArn: string | null;
  readonly tags: Texts;
  readonly createdAt: number;
}

export interface AddonRecord {
  readonly name: string;
  readonly arn: string;
  readonly version: string;
  readonly role: string | null;
  readonly configurationValues: string | null;
  readonly tags: Texts;
  readonly createdAt: number;
  readonly modifiedAt: number;
  /** State while its last change is under way, and when that ends (milliseconds since 1970). */
  readonly busy: 'CREATING' | 'UPDATING' | 'DELETING' | null;
  readonly settlesAt: number;
  readonly health: readonly { readonly code: string; readonly message: string }[];
}

export interface UpdateRecord {
  readonly id: string;
  readonly addon: string | null;
  readonly type: string;
  readonly params: readonly { readonly type: string; readonly value: string }[];
  readonly createdAt: number;
  readonly settlesAt: number;
  readonly error: string | null;
}

/** One EKS cluster of an account, as its own tables of immutable records. */
export interface EksCluster {
  readonly name: string;
  readonly region: string;
  readonly arn: string;
  /** Body of DescribeCluster's answer. */
  readonly description: JsonObject;
  readonly nodegroups: readonly JsonObject[];
  readonly fargateProfiles: readonly JsonObject[];
  readonly accessEntries: readonly JsonObject[];
  readonly addons: Readonly<Record<string, AddonRecord>>;
  /** By `namespace/serviceAccount`. */
  readonly associations: Readonly<Record<string, AssociationRecord>>;
  /** Associations that are gone, with when: the agent's cache outlives them. */
  readonly ended?: readonly { readonly association: AssociationRecord; readonly at: number }[];
  readonly updates: readonly UpdateRecord[];
}

export interface StoredObject {
  readonly bucket: string;
  readonly key: string;
  readonly body: string;
  readonly etag: string;
  readonly contentType: string;
  readonly modifiedAt: number;
}

export interface TrailEvent {
  readonly id: string;
  readonly account: string;
  readonly region: string;
  readonly at: number;
  readonly name: 'AssumeRole' | 'AssumeRoleWithWebIdentity';
  readonly username: string;
  readonly accessKeyId: string;
  readonly roleArn: string;
  /** CloudTrailEvent: the whole record as JSON text. */
  readonly record: string;
}
