import type { Ref, RefKey } from '../model/resource.js';

/** The sources that can hand a container its AWS credentials. */
export type Source =
  | { readonly kind: 'static-keys'; readonly from: 'env' | 'secret' | 'config-map' }
  | { readonly kind: 'web-identity'; readonly origin: 'webhook' | 'template'; readonly audience: string }
  | {
      readonly kind: 'container-credentials';
      readonly origin: 'webhook' | 'template';
      readonly association: string | null;
    }
  | { readonly kind: 'shared-file'; readonly path: string; readonly controller: 'zalando' | null }
  | {
      readonly kind: 'kiam' | 'kube2iam';
      readonly install: Ref;
      readonly resolvedFrom: 'annotation' | 'default-role';
      readonly sessionName: string | null;
      readonly externalId: string | null;
    }
  | { readonly kind: 'node-role'; readonly node: string | null };

/** One source that would answer, with the role that it would give. */
export interface Offer {
  readonly source: Source;
  /** Null: it answers, and gives nothing, or which role is not known. */
  readonly role: string | null;
  /** Whether the credentials would really come: `no` where a broker or STS refuses. */
  readonly assumable: 'yes' | 'no' | 'unknown';
  readonly why: string;
  /** RL1xx where nothing is given. */
  readonly code: string | null;
}

export interface ContainerAnswer {
  readonly container: string;
  readonly role: string | null;
  readonly wins: Offer | null;
}

/** Which role does this pod get, and why, and what would it get next? */
export interface PodIdentityAnswer {
  readonly certainty: 'known' | 'depends-on-sdk' | 'unknown';
  /** What the code in the pod ends up as: the target role where an association has one; null for none. */
  readonly role: string | null;
  readonly wins: Offer | null;
  /** What would answer if the winner went away, in order. */
  readonly next: readonly Offer[];
  /** Sources that were asked and give nothing (denied, broken), for the reader. */
  readonly refused: readonly Offer[];
  readonly perContainer: readonly ContainerAnswer[];
  readonly reason: string;
  readonly code: string | null;
  /** Everything that was read to answer. */
  readonly readFrom: readonly RefKey[];
}

/** Where a pod runs or may run; a template without a pod has no node. */
export interface Place {
  readonly node: string | null;
}
