import type { BrokerInstall } from '../../model/inventory.js';
import { subjectOf } from '../../model/resource.js';
import type { FindingDraft, Rule } from '../rule.js';

const flag = (install: BrokerInstall, name: string): string | undefined =>
  Object.hasOwn(install.flags, name) ? install.flags[name] : undefined;
const on = (value: string | undefined): boolean => value !== undefined && !/^(false|0|f)$/i.test(value);

/** Why the broker's iptables rule stays on the nodes when it goes; null where it does not set one, or takes it away. */
export const leftover = (install: BrokerInstall): string | null => {
  if (!on(flag(install, 'iptables'))) return null;
  if (install.broker === 'kiam')
    return on(flag(install, 'no-iptables-remove')) || flag(install, 'iptables-remove')?.toLowerCase() === 'false'
      ? 'the agent is told not to remove its rule when it ends (the chart does so by default)'
      : null;
  if (install.broker === 'kube2iam')
    return 'kube2iam removes its rule only by a preStop hook, which the chart has and the plain manifests have not';
  return null;
};

export const brokerLeavesRules: Rule = {
  code: 'RL405',
  name: 'broker-leaves-rules',
  severity: 'warn',
  acceptable: true,
  says: "the broker's iptables rule outlives it",
  remedy: 'Before the broker is removed, let its agents remove their rule once, or replace the nodes afterwards.',
  explain: `The agent catches calls to the metadata address with an iptables rule on each node, which sends them to its own port. If the rule stays when the agent goes, such calls go to a port where nobody listens: pods on that node that rely on the metadata service time out, until the node is replaced.

kiam's chart starts the agent with \`--no-iptables-remove\`, so that pods are not served by the node during an update. kube2iam takes the rule away in a preStop hook, if it has one.

Pods with IRSA or Pod Identity do not care: they never call that address. Pods that read their region or instance id from it do.

Look for yourself: on a node, \`iptables -t nat -S PREROUTING | grep 169.254.169.254\`. Deploy the agent once with rule removal on before you delete it, or delete the rule, or roll the nodes. \`rolelift retire-broker\` prints the way for your installation.`,
  find: (input) =>
    input.estate.inventory.brokers
      .filter(({ component }) => component !== 'server')
      .flatMap((install): FindingDraft[] => {
        const why = leftover(install);
        return why === null
          ? []
          : [
              {
                subject: subjectOf(install.ref),
                message: `the iptables rule of ${install.broker} (${install.ref.namespace ?? ''}/${install.ref.name}) stays on the nodes when it goes: ${why}`,
                evidence: { broker: install.broker, why, flags: install.flags, moves: [] },
              },
            ];
      }),
};
