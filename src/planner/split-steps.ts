import type { Estate } from '../findings/rule.js';
import { byText } from '../model/canonical.js';
import type { Binding } from '../model/inventory.js';
import { kubernetesRef, serviceAccountRef } from '../model/resource.js';
import { type StepDraft, stepId } from './draft.js';
import { shortHash } from './names.js';
import type { Intent } from './proposals.js';

/** Whether a binding names that service account, as a ServiceAccount or as the user that its token is (kubernetes.io, RBAC). */
const reaches = (binding: Binding, namespace: string, name: string): boolean =>
  binding.subjects.some(
    (subject) =>
      (subject.kind === 'ServiceAccount' && subject.namespace === namespace && subject.name === name) ||
      (subject.kind === 'User' && subject.name === `system:serviceaccount:${namespace}:${name}`),
  );

/** Bindings by the accounts that they name, built once an inventory: big estates have thousands of both. */
const reached = new WeakMap<Estate, ReadonlyMap<string, readonly Binding[]>>();
const bindingsOf = (estate: Estate, namespace: string, name: string): readonly Binding[] => {
  let index = reached.get(estate);
  if (index === undefined) {
    const found = new Map<string, Binding[]>();
    for (const binding of estate.inventory.bindings)
      for (const subject of binding.subjects) {
        const key =
          subject.kind === 'ServiceAccount'
            ? `${subject.namespace ?? ''}/${subject.name}`
            : subject.kind === 'User' && subject.name.startsWith('system:serviceaccount:')
              ? subject.name.slice('system:serviceaccount:'.length).replace(':', '/')
              : null;
        if (key === null) continue;
        const list = found.get(key);
        if (list === undefined) found.set(key, [binding]);
        else if (list.at(-1) !== binding) list.push(binding);
      }
    index = found;
    reached.set(estate, index);
  }
  return (index.get(`${namespace}/${name}`) ?? []).filter((binding) => reaches(binding, namespace, name));
};

/**
 * A dedicated service account, and for every binding that reaches the old one a binding of our own with the same role: nobody
 * loses a Kubernetes permission. Others' `subjects` are never edited, tracking labels never copied (H18).
 */
export const splitSteps = (estate: Estate, intent: Intent): readonly StepDraft[] => {
  const { proposal } = intent;
  if (proposal.to === null) return [];
  const { namespace, serviceAccount: name } = proposal.to;
  const old = proposal.subject.name;
  const known = estate.accounts.get(`${namespace}/${old}`);
  const created: StepDraft = {
    id: stepId('create-service-account', namespace, 'ServiceAccount', name),
    kind: 'create-service-account',
    stage: 'prepare',
    move: proposal.id,
    target: serviceAccountRef(namespace, name),
    params: {
      namespace,
      name,
      like: old,
      imagePullSecrets: [...(known?.imagePullSecrets ?? [])],
      automount: known?.automount.is === 'value' ? known.automount.value : null,
      annotations: {},
    },
    before: { exists: false },
    after: { exists: true },
    dependsOn: [],
    undoDependsOn: [],
  };
  const bindings = [...bindingsOf(estate, namespace, old)].sort(
    (left, right) =>
      byText(left.ref.kind, right.ref.kind) ||
      byText(left.ref.namespace ?? '', right.ref.namespace ?? '') ||
      byText(left.ref.name, right.ref.name),
  );
  return [created, ...bindings.map((binding) => bindingStep(binding, proposal.id, namespace, name, created.id))];
};

const bindingStep = (binding: Binding, move: string, namespace: string, name: string, account: string): StepDraft => {
  const { kind } = binding.ref;
  const within = binding.ref.namespace ?? null;
  const plain = `rolelift-${name}-${binding.ref.name}`.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const whole = [kind, within ?? '', binding.ref.name, namespace, name].join('\n');
  const ours = `${plain.slice(0, 54).replace(/-+$/, '')}-${shortHash(whole)}`;
  return {
    id: stepId('copy-rbac-subject', within ?? '', kind, ours),
    kind: 'copy-rbac-subject',
    stage: 'prepare',
    move,
    target: kubernetesRef('rbac.authorization.k8s.io/v1', kind, within ?? undefined, ours),
    params: {
      binding: { kind, namespace: within, name: ours },
      of: { kind, name: binding.ref.name },
      roleRef: { ...binding.roleRef },
      subject: { namespace, name },
    },
    before: { exists: false },
    after: { exists: true },
    dependsOn: [account],
    undoDependsOn: [],
  };
};
