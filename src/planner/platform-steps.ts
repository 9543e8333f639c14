import { operatorStatements, platformFact } from '../findings/giantswarm.js';
import type { Estate } from '../findings/rule.js';
import { issuersOf } from '../findings/trust-plans.js';
import type { PlanOptions } from '../model/options.js';
import type { StepDraft } from './draft.js';

const irsaAnnotation = 'alpha.aws.giantswarm.io/iam-roles-for-service-accounts';

/**
 * What a Giant Swarm cluster needs before it has IRSA: the annotation of its AWSCluster on the management cluster (ours with
 * --management-context, else a person's), and a roll of the control plane, which is waited for until the API server names the
 * issuer that all trust of this plan is written for. Empty elsewhere, and where it is on already.
 */
export const platformSteps = (estate: Estate, options: PlanOptions): readonly StepDraft[] => {
  const { cluster } = estate.inventory;
  const [issuer] = issuersOf(estate.inventory, options);
  if (cluster.kind !== 'giantswarm' || platformFact(estate, 'rolled') === 'yes' || issuer === undefined) return [];
  const place = platformFact(estate, 'awscluster') ?? cluster.name;
  const context = options.managementContext;
  const slash = place.indexOf('/');
  const [namespace, name] = slash < 0 ? ['default', place] : [place.slice(0, slash), place.slice(slash + 1)];
  const shared = { stage: 'prepare', move: null, undoDependsOn: [] } as const;
  const off = platformFact(estate, 'irsa') !== 'on';
  const annotated: readonly StepDraft[] =
    context === null || !off || platformFact(estate, 'awscluster') === undefined
      ? []
      : [
          {
            ...shared,
            id: `annotate-aws-cluster:${namespace}/AWSCluster/${name}`,
            kind: 'annotate-aws-cluster',
            target: {
              api: 'kubernetes',
              apiVersion: 'infrastructure.giantswarm.io/v1alpha3',
              kind: 'AWSCluster',
              namespace,
              name,
              cluster: context,
            },
            params: { context, namespace, name, annotation: irsaAnnotation, value: '' },
            before: { annotations: { [irsaAnnotation]: null } },
            after: { annotations: { [irsaAnnotation]: '' } },
            dependsOn: [],
          },
        ];
  const byHand =
    off && annotated.length === 0
      ? [
          `On the management cluster: kubectl annotate awsclusters.infrastructure.giantswarm.io -n ${namespace} ${name} ${irsaAnnotation}=""`,
        ]
      : [];
  const rolled: StepDraft = {
    ...shared,
    id: `wait-for-handoff:${namespace}/AWSCluster/${name}:control-plane-roll`,
    kind: 'wait-for-handoff',
    target: { api: 'none', kind: 'Handoff', name: `${namespace}/${name}:control-plane-roll` },
    params: {
      tool: 'giantswarm',
      ref: `${namespace}/${name}`,
      changes: [],
      reverse: [],
      issuer,
      instructions: [
        `The role GiantSwarmAWSOperator of account ${cluster.accountId} needs these statements in its permissions: ${JSON.stringify(operatorStatements(cluster.partition))}`,
        ...byHand,
        `Then roll the control plane of ${name}: by an upgrade, or by terminating its master nodes one after the other. Its API server must name the issuer ${issuer}.`,
      ].join('\n'),
      suspend: '',
    },
    before: {},
    after: {},
    dependsOn: annotated.map((step) => step.id),
  };
  return [...annotated, rolled];
};
