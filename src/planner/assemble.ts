import { concerns } from '../findings/concerns.js';
import type { Estate, RuleInput } from '../findings/rule.js';
import { roleSubject } from '../findings/subjects.js';
import { clusterWideRoles } from '../findings/trust-plans.js';
import { byText, digestOf } from '../model/canonical.js';
import type { Finding } from '../model/finding.js';
import type { JsonObject } from '../model/json.js';
import type { PlanOptions } from '../model/options.js';
import { type Move, type Plan, type Step, sealPlan } from '../model/plan.js';
import { subjectOf, subjectText } from '../model/resource.js';
import type { Registry } from '../steps/step.js';
import { providerArnFor } from '../trust/statement.js';
import { complete, type StepDraft } from './draft.js';
import { guard } from './guard.js';
import { moveSteps } from './move-steps.js';
import { nodeSteps } from './node-steps.js';
import { nodeIntents } from './nodes.js';
import { inOrder } from './order.js';
import { planCluster } from './plan-cluster.js';
import { type Intent, propose } from './proposals.js';
import { riskOf } from './risk.js';
import { withTrustRetirement } from './trust-retirement.js';

/** What the planner is told by others, handed in so that it can be judged apart from them. */
export interface Tools {
  readonly findings: (input: RuleInput) => readonly Finding[];
  readonly kinds: Registry;
}

/** One draft an id: shared steps are wanted by several moves, and wait for what any of them says. */
const merged = (drafts: readonly StepDraft[]): readonly StepDraft[] => {
  const known = new Map<string, StepDraft>();
  for (const draft of drafts) {
    const other = known.get(draft.id);
    known.set(draft.id, other === undefined ? draft : joined(other, draft));
  }
  const ids = new Set(known.keys());
  return [...known.values()].map((draft) => ({
    ...draft,
    dependsOn: [...new Set(draft.dependsOn)].sort(byText),
    undoDependsOn: [...new Set(draft.undoDependsOn)].filter((id) => ids.has(id) && id !== draft.id).sort(byText),
  }));
};

const audiencesOf = (params: JsonObject): readonly string[] =>
  Array.isArray(params.audiences) ? (params.audiences as readonly string[]) : [];

const joined = (left: StepDraft, right: StepDraft): StepDraft => {
  const both = {
    ...left,
    dependsOn: [...left.dependsOn, ...right.dependsOn],
    undoDependsOn: [...left.undoDependsOn, ...right.undoDependsOn],
  };
  if (left.kind !== 'create-oidc-provider') return both;
  const audiences = [...new Set([...audiencesOf(left.params), ...audiencesOf(right.params)])].sort(byText);
  const after = [...new Set([...audiencesOf(left.after), ...audiencesOf(right.after)])].sort(byText);
  return { ...both, params: { ...left.params, audiences }, after: { ...left.after, audiences: after } };
};

const moveOf = (intent: Intent, own: readonly Finding[], steps: readonly string[], options: PlanOptions): Move => {
  const { proposal } = intent;
  const { subject, to } = proposal;
  return {
    id: proposal.id,
    subject: { kind: 'ServiceAccount', ...subject },
    workloads: proposal.uses.map((use) => subjectOf(use.workload.ref)),
    from: proposal.from,
    to:
      to === null
        ? null
        : {
            mechanism: to.mechanism,
            role: to.role,
            associationRole: to.associationRole,
            serviceAccount: `${to.namespace}/${to.serviceAccount}`,
          },
    blocked: isBlocked(intent, own),
    why: proposal.why,
    risk: riskOf(intent, own, options),
    owner: proposal.owner,
    delivery: proposal.delivery,
    findings: own.map((finding) => finding.id),
    steps,
    skip: false,
    note: '',
  };
};

const isBlocked = (intent: Intent, own: readonly Finding[]): boolean =>
  intent.proposal.to === null || own.some((finding) => finding.severity === 'block' && finding.acceptedBy === null);

/** Findings about workloads that no move touches, once each: what a reader would look for in vain among the moves. */
const unmovedOf = (estate: Estate, intents: readonly Intent[], found: readonly Finding[]): Plan['unmoved'] => {
  const moved = new Set(
    intents.flatMap(({ proposal }) => proposal.uses.map((use) => keyOf(subjectOf(use.workload.ref)))),
  );
  const workloads = new Set(estate.uses.map((use) => keyOf(subjectOf(use.workload.ref))));
  const seen = new Set<string>();
  return found.flatMap(({ subject, code, message }) => {
    const key = keyOf(subject);
    if (!workloads.has(key) || moved.has(key) || seen.has(`${code} ${key}`)) return [];
    seen.add(`${code} ${key}`);
    return [{ subject, code, reason: message }];
  });
};
const keyOf = (subject: Plan['unmoved'][number]['subject']): string => `${subject.kind} ${subjectText(subject)}`;

/** Findings by move, without asking each finding about each move: big estates have thousands of both. */
const findingsOf = (intents: readonly Intent[], found: readonly Finding[]): ReadonlyMap<string, readonly Finding[]> => {
  const byKey = new Map<string, Finding[]>();
  const general: Finding[] = [];
  const workloadKinds = new Set(intents.flatMap(({ proposal }) => proposal.uses.map((use) => use.workload.ref.kind)));
  for (const finding of found) {
    const indexed =
      !Array.isArray(finding.evidence.moves) &&
      (workloadKinds.has(finding.subject.kind) ||
        finding.subject.kind === 'ServiceAccount' ||
        finding.subject.kind === 'Role');
    if (!indexed) {
      general.push(finding);
      continue;
    }
    const key = keyOf(finding.subject);
    const list = byKey.get(key);
    if (list === undefined) byKey.set(key, [finding]);
    else list.push(finding);
  }
  const order = new Map(found.map((finding, index) => [finding, index]));
  return new Map(
    intents.map(({ proposal }) => {
      const { subject, to, uses } = proposal;
      const keys = new Set([
        ...uses.map((use) => keyOf(subjectOf(use.workload.ref))),
        keyOf({ kind: 'ServiceAccount', ...subject }),
        ...[proposal.from.role, to?.role, to?.associationRole, ...uses.map((use) => use.wanted)].flatMap((arn) =>
          arn == null ? [] : [keyOf(roleSubject(arn))],
        ),
        ...(to === null ? [] : [keyOf({ kind: 'ServiceAccount', namespace: to.namespace, name: to.serviceAccount })]),
      ]);
      const own = [...keys].flatMap((key) => byKey.get(key) ?? []).filter((finding) => concerns(finding, proposal));
      const rest = general.filter((finding) => concerns(finding, proposal));
      return [
        proposal.id,
        [...own, ...rest].sort((left, right) => (order.get(left) as number) - (order.get(right) as number)),
      ];
    }),
  );
};

const clusterOf = (estate: Estate, options: PlanOptions): Plan['cluster'] => {
  const { cluster, oidcProviders } = estate.inventory;
  const issuer = options.oidcIssuer ?? cluster.oidcIssuers[0] ?? '';
  const arn = providerArnFor(cluster.partition, cluster.accountId, issuer);
  return planCluster(cluster, issuer, oidcProviders.some((provider) => provider.arn === arn) ? arn : null);
};

/** The guard's findings with ids that no rule's finding has; those of several moves about one role become one. */
const beside = (ruled: readonly Finding[], drafts: readonly Finding[]): readonly Finding[] => {
  const taken = new Set(ruled.map((finding) => finding.id));
  const own = new Map<string, Finding>();
  for (const draft of drafts) {
    const other = own.get(draft.id);
    const moves = [other, draft].flatMap((one) => (Array.isArray(one?.evidence.moves) ? one.evidence.moves : []));
    own.set(draft.id, moves.length === 0 ? draft : { ...draft, evidence: { ...draft.evidence, moves } });
  }
  return [...own.values()].map((finding) => {
    let id = finding.id;
    for (let number = 2; taken.has(id); number += 1) id = `${finding.id}:${number}`;
    return { ...finding, id };
  });
};

/** Inventory, options and time become a sealed plan. Pure: the same input gives the same bytes. */
export const assemble = (
  estate: Estate,
  options: PlanOptions,
  at: { readonly createdAt: string; readonly tool: string },
  tools: Tools,
): Plan => {
  const { inventory } = estate;
  const workloads = propose(estate, options);
  const taken = new Set(workloads.map(({ proposal }) => proposal.id));
  const nodes = nodeIntents(estate, options).filter(({ proposal }) => !taken.has(proposal.id));
  const intents: readonly Intent[] = [
    ...workloads,
    ...nodes.map(({ proposal, part, bound }) => ({ proposal, held: true, bound, node: part })),
  ];
  const ruled = tools.findings({ estate, proposals: intents.map((intent) => intent.proposal), options });
  const byMove = findingsOf(intents, ruled);
  const extra = beside(
    ruled,
    workloads.flatMap(({ proposal }) => guard(estate, proposal, byMove.get(proposal.id) ?? [], options.accept)),
  );
  const all =
    extra.length === 0
      ? ruled
      : [...ruled, ...extra].sort((left, right) => byText(left.code, right.code) || byText(left.id, right.id));
  const withGuard = extra.length === 0 ? byMove : findingsOf(intents, all);
  const open = intents.filter((intent) => !isBlocked(intent, withGuard.get(intent.proposal.id) ?? []));
  const wide = clusterWideRoles({ estate, proposals: intents.map((intent) => intent.proposal), options });
  const moved = open.flatMap((intent) =>
    intent.node === undefined
      ? moveSteps(estate, options, { ...intent, clusterWide: wide.has(intent.proposal.to?.role ?? '') })
      : nodeSteps(estate, options, { proposal: intent.proposal, part: intent.node, bound: intent.bound }),
  );
  const drafts = merged(options.retireTrust ? withTrustRetirement(estate, open, moved) : moved);
  const steps: readonly Step[] = inOrder(drafts).map((draft) => complete(draft, tools.kinds));
  const stepsOf = new Map<string, string[]>();
  for (const step of steps) {
    if (step.move === null) continue;
    const list = stepsOf.get(step.move);
    if (list === undefined) stepsOf.set(step.move, [step.id]);
    else list.push(step.id);
  }
  return sealPlan({
    format: 'rolelift.plan/1',
    createdAt: at.createdAt,
    tool: at.tool,
    source: inventory.source,
    cluster: clusterOf(estate, options),
    inventoryDigest: digestOf(inventory),
    options: { ...options } as unknown as Plan['options'],
    complete: inventory.gaps.length === 0,
    gaps: inventory.gaps.map(({ area, reason }) => ({ area, reason })),
    moves: intents.map((intent) =>
      moveOf(intent, withGuard.get(intent.proposal.id) ?? [], stepsOf.get(intent.proposal.id) ?? [], options),
    ),
    steps,
    findings: all,
    unmoved: unmovedOf(estate, intents, all),
  });
};
