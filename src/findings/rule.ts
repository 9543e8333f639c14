import type { PodIdentityAnswer } from '../identity/types.js';
import type { Finding } from '../model/finding.js';
import type { Inventory, Pod, ServiceAccount, Workload } from '../model/inventory.js';
import type { PlanOptions } from '../model/options.js';
import type { Broker, Mechanism, Severity } from '../model/words.js';

/** A workload with what the identity model says of it. */
export interface WorkloadUse {
  readonly workload: Workload;
  /** What a pod created from the template now would get (admission included). */
  readonly template: PodIdentityAnswer;
  /** What each live pod gets. */
  readonly pods: readonly { readonly pod: Pod; readonly answer: PodIdentityAnswer }[];
  /** Broker and role that count as held today (H7); role null where none, or where it differs between pods. */
  readonly broker: Broker;
  readonly role: string | null;
  /** Role that the annotation asks for, resolved, whether or not it is given. */
  readonly wanted: string | null;
}

/** The inventory with the identity model's answers: what the rules and the planner look at. */
export interface Estate {
  readonly inventory: Inventory;
  readonly uses: readonly WorkloadUse[];
  /** By `namespace/name` of the service account. */
  readonly usesOf: ReadonlyMap<string, readonly WorkloadUse[]>;
  readonly accounts: ReadonlyMap<string, ServiceAccount>;
}

/** A move before it has steps: what the planner intends, so that rules can object. */
export interface Proposal {
  readonly id: string;
  readonly subject: { readonly namespace: string; readonly name: string };
  readonly uses: readonly WorkloadUse[];
  readonly from: { readonly broker: Broker; readonly role: string | null };
  readonly to: {
    readonly mechanism: Mechanism;
    readonly role: string;
    readonly associationRole: string | null;
    readonly namespace: string;
    readonly serviceAccount: string;
  } | null;
  /** The workloads get a service account of their own. */
  readonly split: boolean;
  /** A role is made for it. */
  readonly newRole: boolean;
  readonly why: string;
  readonly delivery: 'live' | 'handoff';
  readonly owner: { readonly tool: string; readonly ref: string };
}

export interface RuleInput {
  readonly estate: Estate;
  readonly proposals: readonly Proposal[];
  readonly options: PlanOptions;
}

export type FindingDraft = Omit<Finding, 'id' | 'code' | 'severity' | 'acceptedBy' | 'remedy'> & {
  /** Only where it differs from the rule's. */
  readonly severity?: Severity;
  readonly remedy?: string;
};

/** One rule, one file in rules/, one line in the registry. Pure. */
export interface Rule {
  readonly code: `RL${number}`;
  readonly name: string;
  readonly severity: Severity;
  /** False: `--accept` is refused (RL110, RL307, RL309). */
  readonly acceptable: boolean;
  /** One line, for the table of codes. */
  readonly says: string;
  readonly remedy: string;
  /** Paragraphs that a newcomer understands: what it is, why it matters, how to check, what to do. */
  readonly explain: string;
  find(input: RuleInput): readonly FindingDraft[];
}
