import type { Estate } from '../findings/rule.js';
import type { PlanOptions } from '../model/options.js';
import type { StepDraft } from './draft.js';

const irsaAnnotation = 'alpha.aws.giantswarm.io/iam-roles-for-service-accounts';

/** What the operator's role needs beyond its own, to be checked first (Giant Swarm, AWS IAM roles for service accounts). */
const operatorActions = [
  'iam:CreateOpenIDConnectProvider',
  'iam:DeleteOpenIDConnectProvider',
  'iam:ListOpenIDConnectProviderTags',
  'iam:TagOpenIDConnectProvider',
  'iam:UntagOpenIDConnectProvider',
];

/**
 * What a Giant Swarm cluster needs before it has IRSA: the annotation of its AWSCluster on the management cluster, and a roll of
 * the control plane, which a person starts and confirms. Empty elsewhere, where it is on already, and without --management-context.
 */
export const platformSteps = (estate: Estate, options: PlanOptions): readonly StepDraft[] => {
  const { cluster } = estate.inventory;
  const fact = (key: string): string | undefined =>
    Object.hasOwn(cluster.facts, key) ? cluster.facts[key] : undefined;
  const place = fact('giantswarm.awscluster');
  const context = options.managementContext;
  if (cluster.kind !== 'giantswarm' || fact('giantswarm.irsa') !== 'off' || place === undefined || context === null)
    return [];
  const slash = place.indexOf('/');
  const [namespace, name] = slash < 0 ? ['default', place] : [place.slice(0, slash), place.slice(slash + 1)];
  const shared = { stage: 'prepare', move: null, undoDependsOn: [] } as const;
  const annotated: StepDraft = {
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
  };
  const bucket = `arn:${cluster.partition}:s3:::*-g8s-*`;
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
      instructions: `See that the role GiantSwarmAWSOperator may do ${operatorActions.join(', ')} on * and s3:PutObjectAcl on ${bucket}. Then roll the control plane of ${name} (by an upgrade, or each master by hand), so that its API server takes the new issuer.`,
      suspend: '',
    },
    before: {},
    after: {},
    dependsOn: [annotated.id],
  };
  const gateId = `gate:${namespace}/AWSCluster/${name}:control-plane-rolled`;
  const confirmed: StepDraft = {
    ...shared,
    id: gateId,
    kind: 'gate',
    target: { api: 'none', kind: 'Gate', name: `${namespace}/${name}:control-plane-rolled` },
    params: { gate: { id: gateId, kind: 'confirmation' } },
    before: {},
    after: {},
    dependsOn: [rolled.id],
  };
  return [annotated, rolled, confirmed];
};
