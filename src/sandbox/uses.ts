import type { JsonObject } from '../model/json.js';
import { textAt } from '../model/json.js';
import { identityStatements } from './aws/caller.js';
import { recordWeb } from './aws/sts.js';
import { recordAssumption } from './aws/trail.js';
import type { Estate } from './brokers/estate.js';
import { isReady, readPod } from './brokers/pod.js';
import { claimsFor, identityOfPod } from './brokers/pod-identity.js';

/**
 * Ready pods use the credentials that they have: a while after they became ready, and again and again. This is worked out when somebody
 * looks (CloudTrail, RoleLastUsed, last-accessed reports), so that nothing runs in the background.
 */
export class Uses {
  /** By uid of the pod: until when its uses are recorded. */
  #seen: Map<string, number>;
  #looked: number;

  constructor(from?: Uses) {
    this.#seen = new Map(from?.seen ?? []);
    this.#looked = from?.looked ?? Number.NEGATIVE_INFINITY;
  }
  get seen(): ReadonlyMap<string, number> {
    return this.#seen;
  }
  get looked(): number {
    return this.#looked;
  }

  /** Records what has been used up to now. `region` is the one in which pods call STS. */
  look(estate: Estate, region: string): void {
    const now = estate.world.now();
    const { useAfterMs, useEveryMs } = estate.world.settings;
    if (now === this.#looked || useAfterMs === Number.POSITIVE_INFINITY) return;
    this.#looked = now;
    for (const pod of estate.view.list('v1', 'Pod')) {
      if (!isReady(pod)) continue;
      const uid = textAt(pod, 'metadata', 'uid') ?? '';
      const last = this.#seen.get(uid);
      const due = last === undefined ? readyAt(pod, now) + useAfterMs : last + useEveryMs;
      if (due > now) continue;
      // One use is enough where several were missed: nobody asks how many there were.
      const at = last === undefined ? Math.max(due, now - useEveryMs) : now;
      this.#seen.set(uid, at);
      this.#use(estate, pod, region, at);
    }
  }

  #use(estate: Estate, object: JsonObject, region: string, at: number): void {
    const { world } = estate;
    const identity = identityOfPod(estate, object);
    const told = new Set<string>();
    for (const container of identity.containers) {
      if (container.role === null || told.has(container.role)) continue;
      told.add(container.role);
      const role = world.role(container.role);
      const account = role === undefined ? undefined : world.accounts.get(role.account);
      if (!role || !account) continue;
      account.lastUsed.set(role.arn, { at, region });
      const does = container.source === 'node-role' ? nodeRoleUses(object) : () => true;
      const actions = identityStatements(world, role)
        .filter((statement) => statement.effect === 'Allow' && !statement.notActions)
        .flatMap((statement) => statement.actions)
        .filter((action) => /^[a-z0-9-]+:[A-Za-z]+$/.test(action) && does(action));
      const uses = Object.fromEntries(actions.slice(0, 20).map((action) => [action, at]));
      account.actionUses.set(role.arn, { ...account.actionUses.get(role.arn), ...uses });
      if (container.source === 'web-identity') {
        const pod = readPod(estate.view, object);
        const key = world.nextId('ASIA', 16);
        recordWeb(world, role, region, 'botocore-session-0', claimsFor(estate, pod, 'sts.amazonaws.com'), key, at);
      } else if (container.source === 'kiam' || container.source === 'kube2iam')
        recordAssumption(world, {
          name: 'AssumeRole',
          account: role.account,
          region,
          roleArn: role.arn,
          sessionName: container.source === 'kiam' ? 'kiam-kiam' : 'kube2iam',
          accessKeyId: world.nextId('ASIA', 16),
          username: container.source === 'kiam' ? 'kiam-server' : 'kube2iam',
          userIdentity: { type: 'AssumedRole', accountId: role.account },
          at,
        });
    }
  }
}

/**
 * What a pod does with the node's role, which it shares with all others there: the CNI what the CNI does, any other what its annotation
 * `sandbox.rolelift.dev/uses` names.
 */
const nodeRoleUses = (pod: JsonObject): ((action: string) => boolean) => {
  if (textAt(pod, 'metadata', 'labels', 'k8s-app') === 'aws-node') return (action) => action.startsWith('ec2:');
  const named = new Set((textAt(pod, 'metadata', 'annotations', 'sandbox.rolelift.dev/uses') ?? '').split(','));
  return (action) => named.has(action);
};

const readyAt = (pod: JsonObject, now: number): number => {
  const conditions = pod['status'] as { conditions?: { type?: string; lastTransitionTime?: string }[] } | undefined;
  const text = conditions?.conditions?.find((each) => each.type === 'Ready')?.lastTransitionTime;
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? now : time;
};
