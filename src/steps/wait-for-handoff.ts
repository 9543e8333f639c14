import { z } from 'zod';
import { byText, canonical } from '../model/canonical.js';
import { type JsonObject, textAt } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { type KubernetesRef, kubernetesRef, refKey } from '../model/resource.js';
import { type Field, type FieldEdit, fieldAt, mergePatchOf, sameField, setTo } from './object-fields.js';
import { editFields } from './object-write.js';
import { json, parserOf, pointerParam } from './params.js';
import {
  type Change,
  defineStep,
  type Observation,
  type Outcome,
  type ReadCtx,
  type StepCtx,
  type UndoOutcome,
} from './step.js';
import { hasCode } from './step-errors.js';

const target = z.strictObject({ apiVersion: z.string(), kind: z.string(), namespace: z.string(), name: z.string() });
const change = z.strictObject({
  ref: target,
  pointer: pointerParam,
  /** null: absent. */
  value: json,
});
const schema = z.strictObject({
  tool: z.string(),
  /** The application, release or Kustomization. */
  ref: z.string(),
  changes: z.array(change),
  reverse: z.array(change),
  instructions: z.string(),
  /** The issuer that the API server must name by then: a control plane that was rolled (its discovery document). */
  issuer: z.string().optional(),
  /** Shell command that suspends the tool for this object; '' where there is none. */
  suspend: z.string(),
});
export type WaitForHandoffParams = z.infer<typeof schema>;
type HandoffStep = Step<WaitForHandoffParams>;
type HandoffChange = z.infer<typeof change>;
const kind = 'wait-for-handoff';

const refOf = ({ ref }: HandoffChange): KubernetesRef =>
  kubernetesRef(ref.apiVersion, ref.kind, ref.namespace === '' ? undefined : ref.namespace, ref.name);
const editOf = (one: HandoffChange): FieldEdit => setTo(one.pointer, one.value);

/** Changes by object, in a fixed order. */
const grouped = (
  list: readonly HandoffChange[],
): readonly { readonly ref: KubernetesRef; readonly edits: readonly FieldEdit[] }[] => {
  const groups = new Map<string, { readonly ref: KubernetesRef; readonly edits: FieldEdit[] }>();
  for (const one of list) {
    const ref = refOf(one);
    const group = groups.get(refKey(ref)) ?? { ref, edits: [] };
    group.edits.push(editOf(one));
    groups.set(refKey(ref), group);
  }
  return [...groups.entries()].sort(([left], [right]) => byText(left, right)).map(([, group]) => group);
};

/** Fields that are not live as told, in words. */
const missing = async (ctx: ReadCtx, list: readonly HandoffChange[]): Promise<readonly string[]> => {
  const left: string[] = [];
  for (const { ref, edits } of grouped(list)) {
    const object = await ctx.kubernetes().get(ref);
    for (const { pointer, field } of edits) {
      const live: Field = object === null ? { present: false } : fieldAt(object, pointer);
      if (!sameField(live, field)) left.push(`${ref.kind} ${ref.namespace ?? ''}/${ref.name} ${pointer}`);
    }
  }
  return left;
};

/** What the API server's discovery document says instead of the issuer that is waited for; nothing where it says it. */
const otherIssuer = async (ctx: ReadCtx, { issuer }: WaitForHandoffParams): Promise<readonly string[]> => {
  if (issuer === undefined) return [];
  const document = await ctx.kubernetes().getPath('/.well-known/openid-configuration');
  const live = textAt(document, 'issuer');
  if (live?.replace(/\/+$/, '') === issuer.replace(/\/+$/, '')) return [];
  return [`the API server names the issuer ${live ?? '(it may not be read)'}, and not yet ${issuer}`];
};
const undelivered = async (ctx: ReadCtx, params: WaitForHandoffParams): Promise<readonly string[]> => [
  ...(await missing(ctx, params.changes)),
  ...(await otherIssuer(ctx, params)),
];

const handoffGate = (step: Pick<HandoffStep, 'id'>): string => `handoff:${step.id}`;

const waitLive = async (
  ctx: ReadCtx & StepCtx,
  params: WaitForHandoffParams,
  look: () => Promise<readonly string[]>,
): Promise<readonly string[]> => {
  let left = await look();
  if (left.length === 0 || ctx.settings.handoffWaitMs <= 0) return left;
  try {
    await ctx.until(
      `${params.tool} ${params.ref} has not delivered the change yet`,
      ctx.settings.handoffWaitMs,
      async () => {
        left = await look();
        return left.length === 0 ? true : null;
      },
    );
  } catch (thrown) {
    if (!hasCode(thrown, 'RL811')) throw thrown;
  }
  return left;
};

/** Waits until somebody else's source of truth has delivered a change; going back is a hand-off too (H4). */
export const waitForHandoff = defineStep<WaitForHandoffParams>({
  kind,
  stages: ['prepare', 'cutover', 'retire'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  checks: true,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Wait for ${params.tool} ${params.ref} to deliver the change`,
    effect: 'disruptive',
    undo: 'Prints the reverse patch and waits until it is live; with --gitops live it is written.',
  }),
  changes: ({ params }, direction): readonly Change[] =>
    direction === 'apply'
      ? []
      : grouped(params.reverse).map(({ ref, edits }) => ({
          api: 'kubernetes',
          verb: 'patch',
          ref,
          body: mergePatchOf(edits),
          rollout: true,
          maybe: true,
        })),
  reads: ({ params }) =>
    grouped([...params.changes, ...params.reverse]).map(({ ref }) => ({ api: 'kubernetes', verb: 'get', ref })),
  locks: ({ params }) => grouped(params.changes).map(({ ref }) => refKey(ref)),
  preconditions: async () => [],

  async observe(ctx, { params }): Promise<Observation> {
    const left = await undelivered(ctx, params);
    return { is: left.length === 0 ? 'applied' : 'not-applied', saw: { missing: [...left] } };
  },
  preimage: async (): Promise<JsonObject> => ({}),

  async apply(ctx, step): Promise<Outcome> {
    const left = await waitLive(ctx, step.params, () => undelivered(ctx, step.params));
    return left.length === 0
      ? { is: 'done', output: {} }
      : {
          is: 'paused',
          gate: handoffGate(step),
          reason: `${step.params.tool} ${step.params.ref} has not delivered yet: ${left.slice(0, 5).join(', ')}`,
          how: step.params.instructions,
        };
  },
  async undo(ctx, step): Promise<UndoOutcome> {
    const { params } = step;
    if (ctx.settings.gitopsLive && (await missing(ctx, params.reverse)).length > 0) {
      for (const { ref, edits } of grouped(params.reverse)) await editFields(ctx.kubernetes(), ref, () => edits);
      return {
        is: 'done',
        how: 'exact',
        note: `written live: ${params.tool} ${params.ref} must be told, or it comes back`,
      };
    }
    const left = await waitLive(ctx, params, () => missing(ctx, params.reverse));
    if (left.length === 0) return { is: 'done', how: 'exact', note: '' };
    const patch = grouped(params.reverse)
      .map(({ ref, edits }) => `${ref.kind} ${ref.namespace ?? ''}/${ref.name}: ${canonical(mergePatchOf(edits))}`)
      .join('\n');
    return {
      is: 'paused',
      gate: handoffGate(step),
      reason: `${params.tool} ${params.ref} has not taken the change back yet: ${left.slice(0, 5).join(', ')}`,
      how: `Take it back at its source:\n${patch}${params.suspend === '' ? '' : `\nIn an emergency: ${params.suspend}, then ${ctx.settings.rollback} --gitops live`}`,
    };
  },
});
