import type { Estate, WorkloadUse } from '../../src/findings/rule.js';
import type { PodIdentityAnswer, Source } from '../../src/identity/types.js';
import type { Finding } from '../../src/model/finding.js';
import type { Inventory, Workload } from '../../src/model/inventory.js';
import { defaultPlanOptions, type PlanOptions } from '../../src/model/options.js';
import type { Plan } from '../../src/model/plan.js';
import { subjectText } from '../../src/model/resource.js';
import type { Broker } from '../../src/model/words.js';
import { assemble } from '../../src/planner/assemble.js';
import type { Registry, StepKind } from '../../src/steps/step.js';

/** Estates whose identity answers a test gives by hand, so that the planner is judged apart from the identity model. */

const sourceOf = (broker: Broker, workload: Workload): Source =>
  broker === 'irsa'
    ? { kind: 'web-identity', origin: 'webhook', audience: 'sts.amazonaws.com' }
    : broker === 'node-role'
      ? { kind: 'node-role', node: null }
      : {
          kind: broker === 'kube2iam' ? 'kube2iam' : 'kiam',
          install: workload.ref,
          resolvedFrom: 'annotation',
          sessionName: null,
          externalId: null,
        };

const anAnswer = (workload: Workload, broker: Broker, role: string | null): PodIdentityAnswer => {
  const wins =
    role === null
      ? null
      : { source: sourceOf(broker, workload), role, assumable: 'yes' as const, why: 'given', code: null };
  return {
    certainty: 'known',
    role,
    wins,
    next: [],
    refused: [],
    perContainer: [],
    reason: 'given',
    code: null,
    readFrom: [],
  };
};

/** A workload that has `role` from `broker` today; `wanted` is what its annotation asks for. */
export const aUse = (
  workload: Workload,
  over: Partial<Pick<WorkloadUse, 'broker' | 'role' | 'wanted'>> = {},
): WorkloadUse => {
  const { broker = 'none', role = null, wanted = null } = over;
  return {
    workload,
    template: anAnswer(workload, broker, role),
    pods: workload.pods.map((pod) => ({ pod, answer: anAnswer(workload, broker, role) })),
    broker,
    role,
    wanted,
  };
};

export const anEstate = (inventory: Inventory, uses: readonly WorkloadUse[]): Estate => {
  const usesOf = new Map<string, WorkloadUse[]>();
  for (const use of uses) {
    const key = `${use.workload.template.namespace}/${use.workload.template.serviceAccount}`;
    usesOf.set(key, [...(usesOf.get(key) ?? []), use]);
  }
  return {
    inventory: { ...inventory, workloads: uses.map((use) => use.workload) },
    uses,
    usesOf,
    accounts: new Map(
      inventory.serviceAccounts.map((account) => [`${account.ref.namespace}/${account.ref.name}`, account]),
    ),
  };
};

const free = new Set([
  'create-service-account',
  'copy-rbac-subject',
  'annotate-service-account',
  'restart-workload',
  'remove-pod-annotation',
]);

/** Kinds that take any parameters and tell their own name. */
export const anyKind: Registry = {
  get: (kind: string) =>
    ({
      kind,
      stages: ['prepare', 'cutover', 'retire'],
      skippable: free.has(kind),
      parseParams: (params: unknown) => params,
      describe: () => ({ title: kind, effect: 'none', undo: `undo ${kind}` }),
    }) as unknown as StepKind,
} as unknown as Registry;

export const aBlock = (code: string, subject: Finding['subject'], acceptedBy: string | null = null): Finding => ({
  id: `${code}:${subjectText(subject)}`,
  code,
  severity: 'block',
  subject,
  message: 'blocked',
  remedy: 'repair',
  evidence: {},
  acceptedBy,
});

export const planOf = (estate: Estate, options: Partial<PlanOptions> = {}, findings: readonly Finding[] = []): Plan =>
  assemble(
    estate,
    { ...defaultPlanOptions, ...options },
    { createdAt: '2026-11-21T10:00:00Z', tool: 'rolelift test' },
    { findings: () => findings, kinds: anyKind },
  );
