import type { Inventory, PodView, ServiceAccount, Workload } from '../model/inventory.js';
import { pointerKeys } from '../model/json-pointer.js';
import type { Plan, Step } from '../model/plan.js';
import { refKey } from '../model/resource.js';
import { annotationKeys, marks } from '../model/words.js';
import { removeStatement } from '../trust/edit.js';
import { widen } from '../trust/external-id.js';
import type { WorkloadKey } from './draft.js';

type Annotations = Readonly<Record<string, string | null>>;

const edited = (texts: Readonly<Record<string, string>>, changes: Annotations): Readonly<Record<string, string>> => {
  const result: Record<string, string> = { ...texts };
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) delete result[key];
    else result[key] = value;
  }
  return result;
};

const keyOf = (workload: WorkloadKey | Workload): string =>
  'ref' in workload
    ? `${workload.ref.kind}/${workload.ref.namespace ?? ''}/${workload.ref.name}`
    : `${workload.kind}/${workload.namespace}/${workload.name}`;

/** The variables by which an injected pod is known, of either mechanism (amazon-eks-pod-identity-webhook, handler.go). */
const injectedVariables = new Set([
  'AWS_ROLE_ARN',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
]);

/** The edits of one workload's template that our applied steps made, to be taken back. */
interface TemplateEdit {
  serviceAccount?: string;
  annotations: Annotations;
}

const rewindView = (view: PodView, edit: TemplateEdit): PodView => {
  const { [marks.restart]: _mark, ...rest } = view.annotations;
  return {
    ...view,
    serviceAccount: edit.serviceAccount ?? view.serviceAccount,
    annotations: edited(rest, edit.annotations),
  };
};

/**
 * Takes our own applied steps out of a fresh inventory, as if they had not run: so that a fresh plan of what is left can be compared
 * with the plan that is being executed (H21), whatever part of it has run. What others changed meanwhile stays, and shows.
 */
export const rewind = (inventory: Inventory, plan: Plan, applied: ReadonlySet<string>): Inventory => {
  const steps = (plan.steps as readonly Step[]).filter((step) => applied.has(step.id));
  const platform = platformFacts(plan);
  // A provider that somebody else makes meanwhile is what the plan wants: its step finds it there, and it is no drift.
  const providers = new Map(
    (plan.steps as readonly Step[]).flatMap((step) =>
      step.kind === 'create-oidc-provider'
        ? [[`${String(step.params.account)}/${step.target.name}`, step] as const]
        : [],
    ),
  );
  if (steps.length === 0 && providers.size === 0 && Object.keys(platform).length === 0) return inventory;
  const templates = new Map<string, TemplateEdit>();
  const editOf = (workload: WorkloadKey): TemplateEdit => {
    const key = keyOf(workload);
    const known = templates.get(key) ?? { annotations: {} };
    templates.set(key, known);
    return known;
  };
  const accounts = new Map<string, Annotations>();
  const createdAccounts = new Set<string>();
  const associations = new Set<string>();
  const restored: { readonly role: string; readonly step: Step }[] = [];
  const createdRoles = new Set<string>();
  const createdBindings = new Set<string>();
  const createdPolicies = new Set<string>();
  /** Add-ons that our steps changed; null for one that they installed. */
  const addons = new Map<string, Step | null>();
  const facts = { ...inventory.cluster.facts, ...platform };
  const roles = new Map<string, (role: Inventory['roles'][number]) => Inventory['roles'][number]>();
  const onRole = (arn: string, change: (role: Inventory['roles'][number]) => Inventory['roles'][number]): void => {
    const before = roles.get(arn);
    roles.set(arn, before === undefined ? change : (role) => change(before(role)));
  };
  const roleKey = (step: Step): string =>
    `${String(step.params.account)}/${String(step.params.role ?? step.params.name)}`;
  for (const step of steps) {
    const { params, before } = step;
    switch (step.kind) {
      case 'annotate-service-account':
        accounts.set(`${String(params.namespace)}/${String(params.name)}`, before.annotations as Annotations);
        break;
      case 'create-service-account':
        createdAccounts.add(`${String(params.namespace)}/${String(params.name)}`);
        break;
      case 'copy-rbac-subject':
        createdBindings.add(refKey(step.target));
        break;
      case 'set-workload-service-account':
        editOf(params.workload as WorkloadKey).serviceAccount = String(params.from);
        break;
      case 'restart-workload':
        editOf(params.workload as WorkloadKey);
        break;
      case 'remove-pod-annotation': {
        const edit = editOf(params.workload as WorkloadKey);
        edit.annotations = { ...edit.annotations, ...(before.annotations as Annotations) };
        break;
      }
      case 'wait-for-handoff':
        for (const change of params.reverse as unknown as readonly HandedChange[])
          rewindHandoff(change, editOf, accounts);
        break;
      case 'create-pod-identity-association':
        if (before.role === null) associations.add(`${String(params.namespace)}/${String(params.serviceAccount)}`);
        break;
      case 'add-trust-statement':
        onRole(roleKey(step), (role) => {
          const removed = removeStatement(role.trust, params.statement as never);
          return removed.is === 'changed' ? { ...role, trust: removed.text } : role;
        });
        break;
      case 'tighten-trust-statement': {
        // Before the step that wrote the statement is taken back, it must stand there as that step wrote it.
        const arn = roleKey(step);
        const later = roles.get(arn) ?? ((role) => role);
        roles.set(arn, (role) => {
          const widened = widen(role.trust, params.statement as never);
          return later(widened.is === 'changed' ? { ...role, trust: widened.text } : role);
        });
        break;
      }
      case 'remove-trust-statement':
        restored.push({ role: roleKey(step), step });
        break;
      case 'create-role':
        createdRoles.add(roleKey(step));
        break;
      case 'create-policy':
        createdPolicies.add(`${String(params.account)}/${String(params.name)}`);
        break;
      case 'detach-role-policy':
        onRole(roleKey(step), (role) => ({
          ...role,
          attached: [...new Set([...role.attached, String(params.policyArn)])].sort(),
        }));
        break;
      case 'delete-role-policy':
        onRole(roleKey(step), (role) => ({
          ...role,
          inline: { ...role.inline, [String(params.policyName)]: JSON.stringify(params.document) },
        }));
        break;
      case 'install-pod-identity-agent':
        addons.set(step.target.name, null);
        break;
      case 'update-addon':
        addons.set(String(params.addon), step);
        for (const one of (params.associations ?? []) as readonly { readonly serviceAccount: string }[])
          for (const workload of params.workloads as unknown as readonly WorkloadKey[])
            associations.add(`${workload.namespace}/${one.serviceAccount}`);
        for (const workload of params.workloads as unknown as readonly WorkloadKey[]) editOf(workload);
        break;
      default:
        break;
    }
  }
  for (const { role, step } of restored)
    onRole(role, (found) => {
      try {
        const document = JSON.parse(found.trust) as { Statement?: unknown };
        const list = Array.isArray(document.Statement) ? document.Statement : [document.Statement];
        return { ...found, trust: JSON.stringify({ ...document, Statement: [...list, step.params.statement] }) };
      } catch {
        return found;
      }
    });

  const rewindPod = (view: PodView, template: PodView): PodView => {
    // A pod that our restart made carries what the webhook gave it; before us its kind would have been the template's.
    const bare = {
      ...template,
      labels: edited(view.labels, { [annotationKeys.podIdentityLabel]: null }),
      hostNetwork: view.hostNetwork,
    };
    return carriesInjected(view) ? bare : view;
  };
  const workloads = inventory.workloads.map((workload): Workload => {
    const edit = templates.get(keyOf(workload));
    if (edit === undefined) return workload;
    const template = rewindView(workload.template, edit);
    return {
      ...workload,
      template,
      pods: workload.pods.map((pod) => ({ ...pod, view: rewindPod(rewindView(pod.view, edit), template) })),
    };
  });
  const agentInstalled = [...addons.values()].includes(null);
  return {
    ...inventory,
    cluster: { ...inventory.cluster, facts },
    nodes: agentInstalled ? inventory.nodes.map((node) => ({ ...node, agentReady: false })) : inventory.nodes,
    addons: inventory.addons.flatMap((addon) => {
      const step = addons.get(addon.name);
      return step === undefined ? [addon] : step === null ? [] : [rewindAddon(addon, step)];
    }),
    workloads,
    serviceAccounts: inventory.serviceAccounts
      .filter((account) => !createdAccounts.has(accountKey(account)))
      .map((account) => {
        const changes = accounts.get(accountKey(account));
        return changes === undefined ? account : { ...account, annotations: edited(account.annotations, changes) };
      }),
    bindings: inventory.bindings.filter((binding) => !createdBindings.has(refKey(binding.ref))),
    associations: inventory.associations.filter((one) => !associations.has(`${one.namespace}/${one.serviceAccount}`)),
    policies: inventory.policies.filter(
      (policy) => !createdPolicies.has(`${policy.arn.split(':')[4]}/${policy.arn.split('/').at(-1)}`),
    ),
    roles: inventory.roles
      .filter((role) => !createdRoles.has(`${role.account}/${role.name}`))
      .map((role) => roles.get(`${role.account}/${role.name}`)?.(role) ?? role),
    oidcProviders: inventory.oidcProviders.flatMap((provider) => {
      const host = provider.arn.slice(provider.arn.indexOf('oidc-provider/') + 'oidc-provider/'.length);
      const step = providers.get(`${provider.account}/${host}`);
      if (step === undefined) return [provider];
      return step.before.exists === true
        ? [{ ...provider, audiences: step.before.audiences as readonly string[] as string[] }]
        : [];
    }),
  };
};

/** What a plan that switches a platform's IRSA on found: a control plane that was rolled since is what it waits for, not a drift. */
const platformFacts = (plan: Plan): Readonly<Record<string, string>> => {
  const has = (test: (step: Step) => boolean): boolean => (plan.steps as readonly Step[]).some(test);
  return {
    ...(has((step) => step.kind === 'annotate-aws-cluster') ? { 'giantswarm.irsa': 'off' } : {}),
    ...(has((step) => step.kind === 'wait-for-handoff' && step.params.issuer !== undefined)
      ? { 'giantswarm.rolled': 'no' }
      : {}),
  };
};

type Addon = Inventory['addons'][number];

/** An add-on with the role, and the associations of the step's own accounts, that it had before the step. */
const rewindAddon = (addon: Addon, step: Step): Addon => {
  const own = new Set(
    ((step.params.associations ?? []) as readonly { readonly serviceAccount: string }[]).map(
      (one) => one.serviceAccount,
    ),
  );
  const before = step.before as {
    readonly serviceAccountRoleArn?: string | null;
    readonly associations?: readonly { readonly serviceAccount: string; readonly roleArn: string }[];
  };
  const had = (before.associations ?? []).filter(({ serviceAccount }) => own.has(serviceAccount));
  return {
    ...addon,
    role: step.params.serviceAccountRoleArn === null ? addon.role : (before.serviceAccountRoleArn ?? null),
    associations: [
      ...addon.associations.filter(({ serviceAccount }) => !own.has(serviceAccount)),
      ...had.map(({ serviceAccount, roleArn }) => ({ arn: '', serviceAccount, role: roleArn })),
    ],
  };
};

interface HandedChange {
  readonly ref: {
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
    readonly apiVersion: string;
  };
  readonly pointer: string;
  readonly value: string | null;
}

/** A hand-off's reverse, read back into the same edits as the live steps'. */
const rewindHandoff = (
  change: HandedChange,
  editOf: (workload: WorkloadKey) => TemplateEdit,
  accounts: Map<string, Annotations>,
): void => {
  const keys = pointerKeys(change.pointer);
  const annotation = keys.at(-3) === 'metadata' && keys.at(-2) === 'annotations' ? keys.at(-1) : undefined;
  if (change.ref.kind === 'ServiceAccount') {
    if (annotation === undefined) return;
    const key = `${change.ref.namespace}/${change.ref.name}`;
    accounts.set(key, { ...accounts.get(key), [annotation]: change.value });
    return;
  }
  const edit = editOf({ ...change.ref, templatePath: '' });
  if (annotation !== undefined) edit.annotations = { ...edit.annotations, [annotation]: change.value };
  else if (change.value !== null) edit.serviceAccount = change.value;
};

const accountKey = (account: ServiceAccount): string => `${account.ref.namespace ?? ''}/${account.ref.name}`;
const carriesInjected = (view: PodView): boolean =>
  view.containers.some((container) => container.env.some((variable) => injectedVariables.has(variable)));
