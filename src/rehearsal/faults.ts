import type { Inventory } from '../model/inventory.js';
import { type Json, type JsonObject, textAt } from '../model/json.js';
import type { Plan } from '../model/plan.js';
import { withAt } from '../sandbox/kubernetes/object.js';
import { objectOf, ownerTitle, type Subject, subjectsOf } from './estate-subjects.js';
import { OpenWindows } from './open-windows.js';
import { calm, forkTwin, type Twin } from './twin.js';
import type { Fault } from './whole-play.js';

/** A fault with the estate that it begins in. */
export interface FaultPlay {
  readonly start: Twin;
  readonly fault: Fault;
}

/** Requests a second while everything throttles. */
const slow = {
  'kubernetes-read': 20,
  'kubernetes-write': 5,
  'iam-read': 3,
  'iam-write': 1,
  'eks-read': 2,
  'eks-write': 1,
};

/** All faults that a component is played with. `quick`: edits of another hand at one moment only. */
export const faultsFor = async (
  start: Twin,
  plan: Plan,
  inventory: Inventory,
  quick: boolean,
): Promise<readonly FaultPlay[]> => {
  const moved = movedIn(plan, inventory);
  // About as many writes as that, and every trust policy was written: from then on an undo has something of another hand's to lose.
  const prepared = plan.steps.filter(({ stage }) => stage === 'prepare').length;
  return [
    throttling(start),
    ...(await failingRollout(start, moved)),
    missedPods(start, plan),
    rescheduling(start, moved),
    ...(quick ? [prepared + 1] : [2, prepared + 2]).map((moment) => foreignEdits(start, moved, moment)),
  ];
};

/** What runs that has a move. */
export const movedIn = (plan: Plan, inventory: Inventory): readonly Subject[] =>
  [...subjectsOf(inventory, plan).values()].filter(({ move }) => move !== null);

const throttling = (start: Twin): FaultPlay => ({
  start,
  fault: {
    name: 'throttling',
    how: 'while every API throttles',
    begin: ({ sandbox }) => {
      sandbox.settings.rates = slow;
    },
  },
});

/** New pods that fail as soon as they have the new identity: the move has to notice, and to go back by itself. */
const failingRollout = async (start: Twin, moved: readonly Subject[]): Promise<readonly FaultPlay[]> => {
  const subject = moved.find(
    ({ workload, move }) =>
      ['Deployment', 'StatefulSet'].includes(workload.ref.kind) &&
      workload.rolls &&
      !workload.paused &&
      (workload.replicas ?? 1) > 0 &&
      move?.delivery === 'live',
  );
  if (subject === undefined) return [];
  const other = forkTwin(start);
  const object = objectOf(other.sandbox, subject.workload);
  if (object === null) return [];
  const variable =
    subject.move?.to?.mechanism === 'pod-identity'
      ? 'AWS_CONTAINER_CREDENTIALS_FULL_URI'
      : 'AWS_WEB_IDENTITY_TOKEN_FILE';
  const path = ['spec', 'template', 'metadata', 'annotations', 'sandbox.rolelift.dev/fail-if-env'];
  other.sandbox.view.put(withAt(object, path, variable));
  await calm(other);
  return [
    {
      start: other,
      fault: {
        name: 'failing rollout',
        how: `where the new pods of ${subject.title} fail`,
        mustFail: true,
      },
    },
  ];
};

/** The webhook lets the first pod of each restart pass by without a word, as in the gap of its cache. */
const missedPods = (start: Twin, plan: Plan): FaultPlay => ({
  start,
  fault: {
    name: 'webhook misses pods',
    how: 'where the webhook misses the first pod of each rollout',
    // Once the old annotation is gone a pod that is missed has nothing, until it is made anew.
    heals: plan.steps.some(({ kind, stage }) => kind === 'remove-pod-annotation' && stage === 'cutover')
      ? ['cutover', 'retire']
      : ['retire'],
    calm: ({ sandbox }) => sandbox.cluster.setWebhook({ mode: 'ok' }),
    before: ({ sandbox }, write) => {
      if (/^PATCH (deployments|statefulsets|daemonsets) /.test(write.title))
        sandbox.cluster.setWebhook({ mode: { misses: 1 } });
    },
  },
});

/** After each write a pod of each moved workload is evicted; the one in its place must get `from` or `to` like any other. */
const rescheduling = (start: Twin, moved: readonly Subject[]): FaultPlay => {
  const titles = new Set(moved.filter(({ workload }) => workload.ref.kind !== 'Pod').map(({ title }) => title));
  return {
    start,
    fault: {
      name: 'rescheduled pods',
      how: 'where a pod is rescheduled after every write',
      after: ({ sandbox }) => {
        const gone = new Set<string>();
        for (const { workload } of moved)
          for (const pod of sandbox.view.list('v1', 'Pod', workload.ref.namespace)) {
            const title = ownerTitle(sandbox, pod);
            if (!titles.has(title) || gone.has(title)) continue;
            gone.add(title);
            sandbox.view.remove('v1', 'Pod', workload.ref.namespace, textAt(pod, 'metadata', 'name') ?? '');
          }
      },
    },
  };
};

/**
 * Another hand that writes beside us after the n-th write, or before the rollback where there are fewer: what it wrote must be there in the
 * end, and what was ours must not. It edits a trust policy only where nobody is between reading and writing it.
 */
export const foreignEdits = (start: Twin, moved: readonly Subject[], moment: number): FaultPlay => {
  const edit = (twin: Twin, windows: OpenWindows): void => {
    for (const { workload, move } of moved) {
      const object = objectOf(twin.sandbox, workload);
      if (object !== null)
        twin.sandbox.view.put(withAt(object, ['metadata', 'annotations', 'example.com/other-hand'], 'was here'));
      const account = twin.sandbox.view.get(
        'v1',
        'ServiceAccount',
        workload.ref.namespace,
        workload.template.serviceAccount,
      );
      if (account !== null)
        twin.sandbox.view.put(withAt(account, ['metadata', 'labels', 'example.com/other-hand'], 'was-here'));
      const role = twin.sandbox.world.role(move?.from.role ?? '');
      if (role !== undefined) windows.outside(`${role.account}/${role.name}`, () => editTrust(twin, role.arn));
    }
  };
  const end = forkTwin(start);
  edit(end, new OpenWindows(() => 0));
  let windows = new OpenWindows(() => 0);
  let edited = false;
  let phases = 0;
  return {
    start,
    fault: {
      name: 'foreign edits',
      how: `where another hand edits role, account and workload after write ${moment}`,
      end,
      begin: ({ clock }) => {
        windows = new OpenWindows(() => clock.monotonic());
        edited = false;
        phases = 0;
      },
      asked: (request) => windows.asked(request),
      answered: (request) => windows.answered(request),
      after: (twin, _write, number) => {
        if (number !== moment) return;
        edited = true;
        edit(twin, windows);
      },
      calm: (twin) => {
        phases += 1;
        // A plan of fewer writes: before the rollback at the latest.
        if (phases === 3 && !edited) edit(twin, windows);
        windows.close();
      },
    },
  };
};

/** A statement of somebody else's, put beside what is there. */
const editTrust = (twin: Twin, arn: string): void => {
  const role = twin.sandbox.world.role(arn);
  const account = role === undefined ? undefined : twin.sandbox.world.accounts.get(role.account);
  if (role === undefined || account === undefined) return;
  const document = JSON.parse(role.trust) as JsonObject;
  const held = document['Statement'] ?? null;
  const statements = Array.isArray(held) ? (held as readonly Json[]) : [held];
  if (statements.some((statement) => textAt(statement, 'Sid') === 'OtherHand')) return;
  const foreign: JsonObject = {
    Sid: 'OtherHand',
    Effect: 'Allow',
    Principal: { Service: 'ec2.amazonaws.com' },
    Action: 'sts:AssumeRole',
    Condition: { StringEquals: { 'aws:SourceAccount': role.account } },
  };
  const trust = JSON.stringify({ ...document, Statement: [...statements, foreign] });
  account.roles.set(role.name.toLowerCase(), { ...role, trust });
};
