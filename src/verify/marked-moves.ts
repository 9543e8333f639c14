import type { Inventory } from '../model/inventory.js';
import { parseRoleArn } from '../model/resource.js';
import { annotationKeys, marks } from '../model/words.js';
import { workloadKey } from '../planner/draft.js';
import { planMark } from '../steps/our-marks.js';
import { type MarkReads, workloadKeyOf } from './mark-reads.js';
import type { MarkedDraft } from './marked-draft.js';

const brokerKeys: readonly string[] = [
  annotationKeys.brokerRole,
  annotationKeys.brokerExternalId,
  annotationKeys.kiamSessionName,
];

/** Service accounts that a plan annotated or made. */
const addAccounts = (draft: MarkedDraft, inventory: Inventory, id: string): void => {
  for (const account of inventory.serviceAccounts) {
    const namespace = account.ref.namespace ?? '';
    if (account.annotations[marks.plan] !== id) continue;
    const { key, move } = draft.moveOf(namespace, account.ref.name);
    const role = account.annotations[annotationKeys.irsaRole];
    const target = account.ref;
    const isMade = account.labels[marks.managedBy] === marks.managedByValue;
    if (role !== undefined) {
      move.bound = { mechanism: 'irsa', role };
      draft.add('annotate-service-account', `${namespace}/ServiceAccount/${account.ref.name}`, {
        stage: 'cutover',
        move: key,
        target,
        params: { namespace, name: account.ref.name, annotations: { [annotationKeys.irsaRole]: role }, users: [] },
        before: { annotations: { [annotationKeys.irsaRole]: null } },
        // An account that we made carries the plan's mark from its making on: by it the undo of that knows it.
        preimage: isMade ? { fields: { [planMark]: { present: true, value: id } } } : {},
      });
    }
    if (isMade)
      draft.add('create-service-account', `${namespace}/ServiceAccount/${account.ref.name}`, {
        stage: 'prepare',
        move: key,
        target,
        params: {
          namespace,
          name: account.ref.name,
          like: account.ref.name,
          imagePullSecrets: [],
          automount: null,
          annotations: {},
        },
      });
  }
};

/** Associations that a plan made. */
const addAssociations = (draft: MarkedDraft, inventory: Inventory, id: string): void => {
  const { cluster } = inventory;
  for (const association of inventory.associations) {
    if (association.tags[marks.plan] !== id || association.ownerArn !== undefined) continue;
    const { namespace, serviceAccount } = association;
    const { key, move } = draft.moveOf(namespace, serviceAccount);
    move.bound ??= { mechanism: 'pod-identity', role: association.role };
    draft.add('create-pod-identity-association', `${namespace}/ServiceAccount/${serviceAccount}`, {
      stage: 'cutover',
      move: key,
      target: {
        api: 'eks',
        kind: 'PodIdentityAssociation',
        account: cluster.accountId,
        name: `${namespace}/${serviceAccount}`,
      },
      params: {
        cluster: cluster.name,
        account: cluster.accountId,
        namespace,
        serviceAccount,
        roleArn: association.role,
        targetRoleArn: association.targetRole ?? null,
        disableSessionTags: !association.sessionTags,
        users: [],
      },
      before: { role: null },
      preimage: { association: { present: false } },
    });
  }
};

/** The workloads on these accounts: templates that the plan wrote, pods that carry the new identity. */
const addWorkloads = (draft: MarkedDraft, inventory: Inventory, id: string, reads: MarkReads): void => {
  for (const workload of inventory.workloads) {
    const namespace = workload.ref.namespace ?? '';
    const key = `move:${namespace}/${workload.template.serviceAccount}`;
    const move = draft.moves.get(key);
    const bound = move?.bound ?? null;
    if (move === undefined || bound === null) continue;
    move.workloads.push(workload);
    const target = workload.ref;
    const params = workloadKey(workload);
    const name = `${namespace}/${workload.ref.kind}/${workload.ref.name}`;
    const mark = workload.template.annotations[marks.restart] ?? '';
    const kind = mark.startsWith(`${id}/`) ? mark.slice(id.length + 1).split(':')[0] : '';
    const common = { stage: 'cutover', move: key, target } as const;
    const account = { namespace, name: workload.template.serviceAccount };
    if (kind !== '') {
      const before = reads.earlier.get(workloadKeyOf(workload));
      const keys = brokerKeys.filter(
        (one) => before?.annotations[one] !== undefined && workload.template.annotations[one] === undefined,
      );
      if (keys.length > 0)
        draft.add('remove-pod-annotation', name, {
          ...common,
          stage: 'retire',
          params: { workload: params, keys, identity: { ...bound } },
          before: { annotations: Object.fromEntries(keys.map((one) => [one, before?.annotations[one] as string])) },
        });
      if (before !== undefined && before.serviceAccount !== workload.template.serviceAccount)
        draft.add('set-workload-service-account', name, {
          ...common,
          params: {
            workload: params,
            pointer: workload.serviceAccountPath ?? `${workload.templatePath}/spec/serviceAccountName`,
            from: before.serviceAccount,
            to: workload.template.serviceAccount,
            identity: { ...bound },
          },
        });
      if (before === undefined && kind !== 'restart-workload')
        draft.left.push(
          `${workload.ref.kind} ${namespace}/${workload.ref.name}: the cluster remembers no earlier template; set its service account and broker annotation back by hand`,
        );
    }
    draft.add('restart-workload', name, { ...common, params: { workload: params, identity: { ...bound }, account } });
  }
};

/** Each bound account's proof: its undo is the proof of the old way (H1). */
const addProofs = (draft: MarkedDraft, inventory: Inventory): void => {
  for (const [key, { namespace, name, bound, workloads }] of draft.moves)
    if (bound !== null)
      draft.add('prove-identity', `${namespace}/ServiceAccount/${name}`, {
        stage: 'cutover',
        move: key,
        target: { api: 'kubernetes', apiVersion: 'v1', kind: 'ServiceAccount', namespace, name },
        params: {
          namespace,
          serviceAccount: name,
          workloads: workloads.map(workloadKey),
          identity: { ...bound },
          roleAccount: parseRoleArn(bound.role)?.account ?? inventory.cluster.accountId,
          previous: { broker: 'none', role: null },
        },
      });
};

/** Everything of a plan that belongs to one service account: what binds it, its workloads, its proof. */
export const addMoves = (draft: MarkedDraft, inventory: Inventory, id: string, reads: MarkReads): void => {
  addAccounts(draft, inventory, id);
  addAssociations(draft, inventory, id);
  addWorkloads(draft, inventory, id, reads);
  addProofs(draft, inventory);
};
