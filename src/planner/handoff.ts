import type { Estate } from '../findings/rule.js';
import type { Json } from '../model/json.js';
import { pointerTo } from '../model/json-pointer.js';
import { shellWord } from '../model/shell.js';
import type { StepDraft, WorkloadKey } from './draft.js';
import type { Intent } from './proposals.js';

/** One field of one object, as a source of truth must hold it. */
interface FieldChange {
  readonly ref: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  };
  readonly pointer: string;
  /** Null: absent. */
  readonly value: Json;
  readonly was: Json;
}

const fieldsOf = (draft: StepDraft): readonly FieldChange[] => {
  if (draft.kind === 'annotate-service-account') {
    const { namespace, name, annotations } = draft.params as {
      readonly namespace: string;
      readonly name: string;
      readonly annotations: Readonly<Record<string, string>>;
    };
    const was = draft.before.annotations as Readonly<Record<string, string | null>>;
    return Object.entries(annotations).map(([key, value]) => ({
      ref: { apiVersion: 'v1', kind: 'ServiceAccount', namespace, name },
      pointer: pointerTo('metadata', 'annotations', key),
      value,
      was: was[key] ?? null,
    }));
  }
  const workload = draft.params.workload as WorkloadKey;
  const ref = {
    apiVersion: workload.apiVersion,
    kind: workload.kind,
    namespace: workload.namespace,
    name: workload.name,
  };
  if (draft.kind === 'set-workload-service-account') {
    const { pointer, from, to } = draft.params as {
      readonly pointer: string;
      readonly from: string;
      readonly to: string;
    };
    return [{ ref, pointer, value: to, was: from }];
  }
  if (draft.kind === 'remove-pod-annotation') {
    const was = draft.before.annotations as Readonly<Record<string, string>>;
    return (draft.params.keys as readonly string[]).map((key) => ({
      ref,
      pointer: `${workload.templatePath}${pointerTo('metadata', 'annotations', key)}`,
      value: null,
      was: was[key] ?? null,
    }));
  }
  return [];
};

/** The command that keeps the owner from taking a live change back, for a night when its repository cannot be reached (H4). */
const suspendCommand = (tool: string, ref: string): string => {
  const [first = '', second] = ref.split('/');
  const name = shellWord(second ?? first);
  const inNamespace = second === undefined ? '' : ` -n ${shellWord(first)}`;
  switch (tool) {
    case 'argocd':
      return `argocd app set ${shellWord(ref)} --sync-policy none`;
    case 'flux':
      return `flux suspend kustomization ${name}${inNamespace}`;
    default:
      return '';
  }
};

const where: Readonly<Record<string, string>> = {
  argocd: 'the repository that the Argo CD application syncs from',
  flux: 'the repository that Flux reconciles',
  helm: "the chart's values or templates",
  operator: 'the custom resource, or what makes it',
};

/**
 * Live writes to objects that another tool owns become hand-offs: the patch, its reverse and what to do with them. What we
 * make ourselves (a dedicated account and its binding, trust, association) stays live, as nobody else would take it back (H4).
 */
export const handoffOf = (estate: Estate, intent: Intent, drafts: readonly StepDraft[]): readonly StepDraft[] => {
  const { proposal } = intent;
  const account = estate.accounts.get(`${proposal.subject.namespace}/${proposal.subject.name}`);
  const accountIsOwned =
    !proposal.split &&
    (proposal.uses.some((use) => use.workload.custom) ||
      (account?.owners ?? []).some((owner) => owner.strength !== 'hint' && owner.tool !== 'none') ||
      proposal.uses.some((use) => use.workload.owners.length > 0));
  const handed = (draft: StepDraft): boolean =>
    draft.kind === 'set-workload-service-account' ||
    draft.kind === 'remove-pod-annotation' ||
    (draft.kind === 'annotate-service-account' && accountIsOwned);
  const renamed = new Map<string, string>();
  for (const draft of drafts)
    if (handed(draft))
      renamed.set(draft.id, `wait-for-handoff:${draft.id.slice(draft.id.indexOf(':') + 1)}:${phaseOf(draft)}`);
  const again = (ids: readonly string[]): readonly string[] => ids.map((id) => renamed.get(id) ?? id);
  return drafts.map((draft) => {
    const linked = { ...draft, dependsOn: again(draft.dependsOn), undoDependsOn: again(draft.undoDependsOn) };
    if (!renamed.has(draft.id)) return linked;
    const fields = fieldsOf(draft);
    return {
      ...linked,
      id: renamed.get(draft.id) as string,
      kind: 'wait-for-handoff',
      params: {
        tool: proposal.owner.tool,
        ref: proposal.owner.ref,
        changes: fields.map(({ ref, pointer, value }) => ({ ref, pointer, value })),
        reverse: fields.map(({ ref, pointer, was }) => ({ ref, pointer, value: was })),
        instructions: `Make this change in ${where[proposal.owner.tool] ?? 'its source'} (${proposal.owner.ref}), and let it be applied; the run goes on when the cluster shows it.`,
        suspend: suspendCommand(proposal.owner.tool, proposal.owner.ref),
      },
    };
  });
};

const phaseOf = (draft: StepDraft): string =>
  draft.kind === 'annotate-service-account'
    ? 'bind'
    : draft.kind === 'set-workload-service-account'
      ? 'service-account'
      : 'old-annotation';
