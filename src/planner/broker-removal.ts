import { deniesMetadata } from '../findings/metadata-policy.js';
import type { Estate, WorkloadUse } from '../findings/rule.js';
import { exposureOf } from '../findings/rules/rl404-nodes-exposed.js';
import { leftover } from '../findings/rules/rl405-broker-leaves-rules.js';
import { brokerOf } from '../identity/answer.js';
import { byText } from '../model/canonical.js';
import type { BrokerInstall, Workload } from '../model/inventory.js';
import type { Plan } from '../model/plan.js';
import { type KubernetesRef, parseRoleArn, type Subject, subjectOf, subjectTitle } from '../model/resource.js';
import { shellWord } from '../model/shell.js';

/** Why a broker cannot go yet. */
export interface Obstacle {
  /** `in use`, `unfinished`, or the finding that is open. */
  readonly code: string;
  readonly subject: Subject;
  readonly text: string;
}

/** One workload of a broker, and how it goes. */
export interface RemovedInstall {
  readonly broker: string;
  readonly component: BrokerInstall['component'];
  readonly ref: KubernetesRef;
  /** Who makes it anew when it is deleted live; `none` where nobody does. */
  readonly owner: { readonly tool: string; readonly ref: string };
  /** Shell commands, in order. */
  readonly commands: readonly string[];
  /** RL405: the rule that stays on the nodes, why, and what takes it away; null where it goes with the agent. */
  readonly rule: { readonly why: string; readonly remedy: string } | null;
}

export interface BrokerRemoval {
  readonly obstacles: readonly Obstacle[];
  /** Agents before servers: a server without agents serves nobody. */
  readonly installs: readonly RemovedInstall[];
  /** What is left for a person, in words. */
  readonly afterwards: readonly string[];
}

const brokers = new Set(['kiam', 'kube2iam']);
const keyOf = (ref: Workload['ref']): string => `${ref.kind}/${ref.namespace ?? ''}/${ref.name}`;

/** Pods and templates that get their role from a broker, or would if they were made now. */
const dependents = (estate: Estate, own: ReadonlySet<string>): readonly Obstacle[] =>
  estate.uses.flatMap((use: WorkloadUse): Obstacle[] => {
    if (own.has(keyOf(use.workload.ref))) return [];
    const pods = use.pods.filter(({ answer }) => brokers.has(brokerOf(answer)));
    const [first] = pods;
    if (first !== undefined)
      return [
        {
          code: 'in use',
          subject: subjectOf(use.workload.ref),
          text: `${pods.length} of its pods get ${first.answer.role ?? 'their credentials'} from ${brokerOf(first.answer)}`,
        },
      ];
    if (!brokers.has(brokerOf(use.template)) && !brokers.has(use.broker)) return [];
    return [
      {
        code: 'in use',
        subject: subjectOf(use.workload.ref),
        text: `its next pod would get ${use.template.role ?? 'its credentials'} from ${brokerOf(use.template)}`,
      },
    ];
  });

/** Moves of the plan away from a broker that are not over, retire stage included: it goes last of all (H24). */
const unfinished = (plan: Plan, done: ReadonlySet<string>): readonly Obstacle[] =>
  plan.moves
    .filter((move) => brokers.has(move.from.broker) && !move.blocked && !move.skip)
    .flatMap((move): Obstacle[] => {
      const left = plan.steps.filter((step) => step.move === move.id && !step.skip && !done.has(step.id));
      return left.length === 0
        ? []
        : [
            {
              code: 'unfinished',
              subject: move.subject,
              text: `${move.id} is not over: ${left.length} steps are left`,
            },
          ];
    });

/** Nodes on which pods would reach the node role once the broker is gone (RL404). */
const openNodes = (estate: Estate): readonly Obstacle[] => {
  if (deniesMetadata(estate.inventory) !== null) return [];
  return estate.inventory.nodes.flatMap((node): Obstacle[] => {
    const why = exposureOf(node);
    return why === null
      ? []
      : [
          {
            code: 'RL404',
            subject: { kind: 'Node', name: node.name },
            text: `pods there would reach the role ${parseRoleArn(node.role ?? '')?.name ?? 'of the node'}: ${why}`,
          },
        ];
  });
};

/** What could not be read and might hide a pod that needs the broker. */
const hidden = (estate: Estate): readonly Obstacle[] =>
  estate.inventory.gaps
    .filter(
      ({ area }) => /^kubernetes(?::|$)/.test(area) && /pod|workload|deployment|daemonset|namespace|node/i.test(area),
    )
    .map(({ area, reason }) => ({
      code: 'RL501',
      subject: { kind: 'Cluster', name: estate.inventory.cluster.name },
      text: `${area} could not be read: ${reason}`,
    }));

const commandsOf = (ref: KubernetesRef, owner: RemovedInstall['owner']): readonly string[] => {
  const namespace = shellWord(ref.namespace ?? 'default');
  const release = owner.ref.split('/').at(-1) ?? '';
  switch (owner.tool) {
    case 'helm':
      return release === ''
        ? [`helm list -n ${namespace}`, `helm uninstall RELEASE -n ${namespace}`]
        : [
            `helm uninstall ${shellWord(release)} -n ${shellWord(owner.ref.split('/').at(-2) ?? ref.namespace ?? 'default')}`,
          ];
    case 'none':
    case 'kubectl-apply':
      return [`kubectl delete ${ref.kind.toLowerCase()} ${shellWord(ref.name)} -n ${namespace} --wait`];
    default:
      return [];
  }
};

const ownerOf = (workload: Workload | undefined): RemovedInstall['owner'] => {
  const found = workload?.owners.find(({ tool, strength }) => tool !== 'kubectl-apply' && strength !== 'hint');
  return found === undefined ? { tool: 'none', ref: '' } : { tool: found.tool, ref: found.ref };
};

const ruleOf = (install: BrokerInstall): RemovedInstall['rule'] => {
  const why = install.component === 'server' ? null : leftover(install);
  if (why === null) return null;
  const before =
    install.broker === 'kiam'
      ? 'Let the agents run once without --no-iptables-remove (chart: agent.host.iptablesRemove) and end: they take their rule along.'
      : 'Give its container a preStop hook that deletes the rule, or delete the rule by hand.';
  return {
    why,
    remedy: `${before} Or, on each node: iptables -t nat -S PREROUTING | grep 169.254.169.254, and the same line with -D for -A. Or replace the nodes afterwards.`,
  };
};

/**
 * How kiam or kube2iam goes, and what stands in the way: a pod that needs it, a move that is not over, nodes that pods could take
 * the role of (H24). Pure; `done` holds the steps of the plan that are applied or left out.
 */
export const brokerRemoval = (estate: Estate, plan: Plan, done: ReadonlySet<string>): BrokerRemoval => {
  const { inventory } = estate;
  const installs = inventory.brokers.filter(({ broker }) => brokers.has(broker));
  const own = new Set(installs.map(({ ref }) => keyOf(ref)));
  const workloads = new Map(inventory.workloads.map((workload) => [keyOf(workload.ref), workload]));
  const once = [...new Map(installs.map((install) => [keyOf(install.ref), install])).values()].sort(
    (left, right) =>
      Number(left.component === 'server') - Number(right.component === 'server') ||
      byText(keyOf(left.ref), keyOf(right.ref)),
  );
  const assumers = [...new Set(installs.flatMap(({ assumer }) => assumer ?? []))].sort(byText);
  const names = [...new Set(installs.map(({ broker }) => broker))].sort(byText).join(' and ');
  return {
    obstacles:
      installs.length === 0
        ? []
        : [...dependents(estate, own), ...unfinished(plan, done), ...openNodes(estate), ...hidden(estate)],
    installs: once.map((install) => {
      const owner = ownerOf(workloads.get(keyOf(install.ref)));
      return {
        broker: install.broker,
        component: install.component,
        ref: install.ref,
        owner,
        commands: commandsOf(install.ref, owner),
        rule: ruleOf(install),
      };
    }),
    afterwards:
      installs.length === 0
        ? []
        : [
            `Rollback of the moves away from ${names} ends here: their old way is gone (RL406).`,
            ...(deniesMetadata(inventory) === null
              ? []
              : [
                  `That ${deniesMetadata(inventory)} really keeps pods from 169.254.169.254 shows only a pod: kubectl run probe --rm -i --restart=Never --image=curlimages/curl -- curl -s -m 3 -o /dev/null -w '%{http_code}' http://169.254.169.254/latest/meta-data/`,
                ]),
            'Annotations iam.amazonaws.com/permitted and allowed-roles on namespaces, and the Secrets, ServiceAccounts and ClusterRoles of the installation, do nothing any more: they go with its chart or manifests.',
            ...assumers.map(
              (arn) =>
                `${arn} still stands in the trust of the roles it served: rolelift plan --retire-trust takes it out. Do so only when no other cluster uses it (the inventory of each, or 30 days of CloudTrail without its AssumeRole).`,
            ),
          ],
  };
};

/** An obstacle in one line. */
export const obstacleText = (obstacle: Obstacle): string =>
  `${obstacle.code} ${subjectTitle(obstacle.subject)}: ${obstacle.text}`;
