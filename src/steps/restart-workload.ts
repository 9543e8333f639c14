import { z } from 'zod';
import { type JsonObject, numberAt } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { refKey, subjectOf, subjectTitle } from '../model/resource.js';
import { marks } from '../model/words.js';
import { probeChanges, probeReads, removeProbe } from './address-probe.js';
import { causeOf, podFromTemplate, preview, previewChange } from './admission-preview.js';
import { previewGone } from './annotate-service-account.js';
import { firstNodeParam, oneNodeFirst } from './first-node.js';
import { fieldAt, mergePatchOf, preimageOf, sameField, setTo } from './object-fields.js';
import { editFields, restoreFields } from './object-write.js';
import { restartMark, restartMarkField, restartPreimage, unnamedPlan } from './our-marks.js';
import {
  type IdentityParam,
  identityParam,
  parserOf,
  type WorkloadParam,
  workloadParam,
  workloadRef,
} from './params.js';
import { carries, lacks, podName } from './pods.js';
import { exchange } from './proof.js';
import { proveRole, roleProofReads } from './role-proof.js';
import { type Change, defineStep, type Observation, type Outcome, type UndoOutcome, type WriteCtx } from './step.js';
import { stepError } from './step-errors.js';
import {
  finishRoll,
  insideTemplate,
  letRollEnd,
  livePods,
  madeAnew,
  mannerOf,
  replacePods,
  templateOf,
  waitForRollout,
} from './template-roll.js';
import { workloadReads } from './workload-reads.js';

const schema = z.strictObject({
  workload: workloadParam,
  identity: identityParam,
  account: z.strictObject({ namespace: z.string(), name: z.string() }),
  /** The CNI's: the role is proven, one node replaced and asked for an address, then the rest (H8). */
  firstNode: firstNodeParam.optional(),
});
export type RestartWorkloadParams = z.infer<typeof schema>;
type RestartStep = Step<RestartWorkloadParams>;
const kind = 'restart-workload';

const markPointer = (workload: WorkloadParam): string =>
  insideTemplate(workload, 'metadata', 'annotations', marks.restart);
/** Whether the restart is started by a change of the template; else pods are deleted, by us or by a person. */
const byTemplate = (workload: WorkloadParam): boolean =>
  workload.templatePath !== '' && ['Deployment', 'StatefulSet', 'DaemonSet'].includes(workload.kind)
    ? true
    : workload.templatePath !== '' &&
      !['ReplicaSet', 'ReplicationController', 'Job', 'CronJob', 'Pod'].includes(workload.kind);

/** Deleting pods that admission passed by, or that still carry the new identity. */
export const podDeletion = (workload: WorkloadParam): Change => ({
  api: 'kubernetes',
  verb: 'delete',
  ref: { api: 'kubernetes', apiVersion: 'v1', kind: 'Pod', namespace: workload.namespace, name: '*' },
  body: null,
  rollout: false,
  maybe: true,
});

/**
 * Replaces a workload's pods so that the identity webhook sees them, after the preview has shown that they will get the wanted
 * variables. Marked by a template annotation that names plan and step.
 */
export const restartWorkload = defineStep<RestartWorkloadParams>({
  kind,
  stages: ['cutover'],
  skippable: false,
  undoWithMove: true,
  rollout: true,
  parseParams: parserOf(kind, schema),
  describe: ({ params: { workload } }) => ({
    title: `Restart ${workload.kind} ${workload.namespace}/${workload.name}`,
    effect: 'disruptive',
    undo: 'Takes our template annotation away and replaces every pod that still carries the new identity.',
  }),
  changes({ id, params: { workload, firstNode } }, direction, planId = unnamedPlan) {
    const value = direction === 'apply' ? restartMark(planId, id) : null;
    const patch: Change = {
      api: 'kubernetes',
      verb: 'patch',
      ref: workloadRef(workload),
      body: mergePatchOf([setTo(markPointer(workload), value)]),
      rollout: true,
    };
    return [
      previewChange(workload.namespace),
      ...(byTemplate(workload) ? [patch] : []),
      podDeletion(workload),
      ...(firstNode !== undefined && direction === 'apply' ? probeChanges(planId, id) : []),
    ];
  },
  reads: ({ params: { workload, account, identity, firstNode } }) => [
    ...workloadReads(workload, account),
    ...(firstNode === undefined ? [] : [...roleProofReads({ identity }), ...probeReads()]),
  ],
  locks: ({ params: { workload } }) => [refKey(workloadRef(workload))],
  preconditions: async () => [],

  async observe(ctx, { id, params: { workload, identity, account } }): Promise<Observation> {
    const object = await ctx.kubernetes().get(workloadRef(workload));
    if (object === null) return { is: 'gone', what: workloadRef(workload) };
    const live = await livePods(ctx, workload);
    const bad = live.filter((pod) => lacks(pod, identity, account.name).length > 0);
    const marked = sameField(fieldAt(object, markPointer(workload)), {
      present: true,
      value: restartMark(ctx.plan.id, id),
    });
    const saw: JsonObject = { pods: live.length, without: bad.map(podName), marked };
    const manner = mannerOf(object, workload);
    if (bad.length === 0 && (live.length > 0 || manner.is === 'later' || workload.kind === 'Job')) {
      const settled = numberAt(object, 'status', 'observedGeneration') ?? Number.MAX_SAFE_INTEGER;
      return { is: settled >= (numberAt(object, 'metadata', 'generation') ?? 0) ? 'applied' : 'in-progress', saw };
    }
    return { is: marked ? 'in-progress' : 'not-applied', saw };
  },

  async preimage(ctx, { params: { workload } }): Promise<JsonObject> {
    const object = await ctx.kubernetes().get(workloadRef(workload));
    return preimageOf(object, [markPointer(workload)]);
  },

  async apply(ctx, step): Promise<Outcome> {
    const { workload, identity, account } = step.params;
    const ref = workloadRef(workload);
    const object = await ctx.kubernetes().get(ref);
    if (object === null) throw notThere(step);
    const wrong = (pod: JsonObject): readonly string[] => lacks(pod, identity, account.name);
    const live = await livePods(ctx, workload);
    const manner = mannerOf(object, workload);
    if (live.every((pod) => wrong(pod).length === 0) && (live.length > 0 || manner.is === 'later')) {
      if (manner.is === 'rolls' && manner.watched) await waitForRollout(ctx, workload, object);
      return {
        is: 'done',
        output: { pods: live.length, note: manner.is === 'later' ? manner.note : 'every pod had it already' },
      };
    }
    const { firstNode } = step.params;
    if (firstNode !== undefined)
      await proveRole(ctx, {
        identity,
        namespace: account.namespace,
        serviceAccount: account.name,
        policies: firstNode.policies,
      });
    const note = await previewWanted(ctx, workload, templateOf(object, workload), identity, account.name);
    if (ctx.settings.proveToken && identity.mechanism === 'irsa')
      await exchange(ctx, { ...account, role: identity.role });
    const marked = sameField(fieldAt(object, markPointer(workload)), {
      present: true,
      value: restartMark(ctx.plan.id, step.id),
    });
    // Our mark on the template says that the first node was good.
    if (firstNode !== undefined && !marked) {
      const held = await oneNodeFirst(ctx, {
        step: step.id,
        move: step.move ?? '',
        workload,
        identity,
        account: account.name,
      });
      if (held !== null) return held;
    }
    let current = object;
    if (byTemplate(workload) && manner.is !== 'later' && !isOnDelete(manner)) {
      const edited = await editFields(ctx.kubernetes(), ref, () => [
        setTo(markPointer(workload), restartMark(ctx.plan.id, step.id)),
      ]);
      if (edited.is === 'gone') throw notThere(step);
      current = edited.object;
    }
    if (firstNode !== undefined) await removeProbe(ctx);
    const rolled = await finishRoll(ctx, workload, current, wrong, {
      why: `pods of ${subjectTitle(subjectOf(ref))} do not have the new identity yet`,
      rolling: true,
    });
    if (rolled.is === 'paused')
      return { is: 'paused', gate: `restart:${step.id}`, reason: rolled.reason, how: rolled.how };
    return { is: 'done', output: { pods: rolled.pods, recreated: rolled.recreated, note: rolled.note || note } };
  },

  async undo(ctx, step, record): Promise<UndoOutcome> {
    const { workload, identity } = step.params;
    const pointer = markPointer(workload);
    const { how, edited } = await restoreFields(
      ctx.kubernetes(),
      workloadRef(workload),
      [restartMarkField(pointer, ctx.plan.id, step.id)],
      restartPreimage(record, pointer, ctx.plan.id),
    );
    if (edited.is === 'gone') return { is: 'done', how: 'gone', note: 'the workload is not there any more' };
    return shedIdentity(ctx, step, how, edited.object, edited.is === 'written', identity);
  },
});

const isOnDelete = (manner: ReturnType<typeof mannerOf>): boolean =>
  manner.is === 'by-hand' && manner.reason.includes('OnDelete');

const notThere = (step: RestartStep) =>
  stepError('RL825', `${subjectTitle(subjectOf(workloadRef(step.params.workload)))} is not there`, {
    subject: subjectOf(workloadRef(step.params.workload)),
    remedy: 'Find out who deleted it, and make the plan again.',
  });

/** Before any restart: would a new pod get it? RL822 with the cause where it would not (H11). */
export const previewWanted = async (
  ctx: WriteCtx,
  workload: WorkloadParam,
  template: JsonObject,
  identity: IdentityParam,
  account: string,
): Promise<string> => {
  const pod = podFromTemplate(template, workload.namespace, account);
  const why = `a new pod of ${workload.namespace}/${workload.name} would not get the wanted variables yet`;
  const answer = await preview(ctx, pod, why, (admitted) => lacks(admitted, identity, account));
  if (answer.is === 'agreed') return '';
  if (answer.is === 'not-provable') return `not provable by a dry run: ${answer.because}`;
  throw stepError(
    'RL822',
    `a new pod of ${workload.kind} ${workload.namespace}/${workload.name} would not get the role`,
    {
      subject: subjectOf(workloadRef(workload)),
      cause: `${answer.reasons.join('; ')}: ${causeOf(pod, identity)}`,
      remedy: 'Heal the cause, then run the same command again; no pod was touched.',
    },
  );
};

/** Undo behind the binding: no live pod may carry the new identity, whichever ReplicaSet owns it (H1.4). */
export const shedIdentity = async (
  ctx: WriteCtx,
  step: {
    readonly id: string;
    readonly params: {
      readonly workload: WorkloadParam;
      readonly account: { readonly namespace: string; readonly name: string };
    };
  },
  how: 'exact' | 'surgical' | 'gone' | 'kept',
  object: JsonObject,
  rolling: boolean,
  identity: IdentityParam,
) => {
  const { workload, account } = step.params;
  const why = `pods of ${workload.namespace}/${workload.name} still carry the new identity`;
  const manner = mannerOf(object, workload);
  const bears = (pod: JsonObject): boolean => carries(pod, identity);
  const watched = manner.is === 'rolls' && manner.watched;
  if (rolling && watched) await waitForRollout(ctx, workload, object);
  let bearing = (await livePods(ctx, workload)).filter(bears);
  if (!rolling && watched && bearing.length > 0) {
    await letRollEnd(ctx, workload, object);
    bearing = (await livePods(ctx, workload)).filter(bears);
  }
  if (bearing.length === 0) return { is: 'done', how, note: '' } as const;
  if (!madeAnew(workload)) {
    const names = bearing.map(podName).join(', ');
    return {
      is: 'paused',
      gate: `shed:${step.id}`,
      reason: `${names} still carries the new identity, and nothing would make it anew`,
      how: manner.is === 'by-hand' ? manner.how : 'wait until the run has ended',
    } as const;
  }
  const note = await previewGone(ctx, account.namespace, account.name, identity);
  const left = await replacePods(ctx, workload, bears, why);
  if (left.length > 0)
    throw stepError(
      'RL871',
      `pods of ${workload.kind} ${workload.namespace}/${workload.name} still carry the new identity`,
      {
        subject: subjectOf(workloadRef(workload)),
        cause: left.map(podName).join(', '),
        remedy: 'Look why they come up with it, delete them, then run the rollback again.',
      },
    );
  return { is: 'done', how, note } as const;
};
