import { groupOf } from '../model/resource.js';

/** Where a custom resource keeps its pod template and the name of its service account, as JSON pointers. */
export interface CustomKind {
  readonly group: string;
  readonly versions: readonly string[];
  readonly kind: string;
  /** Path of a whole pod template (with metadata and spec); empty where there is none in that form. */
  readonly template: string;
  /** Null: the operator makes the service account itself, or it stands in several places. */
  readonly serviceAccount: string | null;
  /** Where annotations of the pods stand, for a template that is none of Kubernetes' own. */
  readonly annotations?: string;
}

/**
 * Custom resources that template pods, by the CRDs of their projects: argoproj/argo-rollouts, argoproj/argo-workflows,
 * strimzi/strimzi-kafka-operator, kubeflow/spark-operator, knative/serving, apache/flink-kubernetes-operator, openkruise/kruise,
 * tektoncd/pipeline, ray-project/kuberay, kubeflow/training-operator, elastic/cloud-on-k8s, prometheus-operator, kedacore/keda.
 */
export const customKinds: readonly CustomKind[] = [
  row('argoproj.io', 'v1alpha1', 'Rollout', '/spec/template', '/spec/template/spec/serviceAccountName'),
  row('argoproj.io', 'v1alpha1', 'Workflow', '', '/spec/serviceAccountName', '/spec/podMetadata/annotations'),
  row(
    'argoproj.io',
    'v1alpha1',
    'CronWorkflow',
    '',
    '/spec/workflowSpec/serviceAccountName',
    '/spec/workflowSpec/podMetadata/annotations',
  ),
  row('argoproj.io', 'v1alpha1', 'WorkflowTemplate', '', '/spec/serviceAccountName', '/spec/podMetadata/annotations'),
  row('kafka.strimzi.io', 'v1beta2', 'Kafka', '', null, '/spec/kafka/template/pod/metadata/annotations'),
  row('kafka.strimzi.io', 'v1beta2', 'KafkaConnect', '', null, '/spec/template/pod/metadata/annotations'),
  row('kafka.strimzi.io', 'v1beta2', 'KafkaMirrorMaker2', '', null, '/spec/template/pod/metadata/annotations'),
  row('kafka.strimzi.io', 'v1beta2', 'KafkaBridge', '', null, '/spec/template/pod/metadata/annotations'),
  row('core.strimzi.io', 'v1beta2', 'StrimziPodSet', '', null),
  row(
    'sparkoperator.k8s.io',
    'v1beta2',
    'SparkApplication',
    '',
    '/spec/driver/serviceAccount',
    '/spec/driver/annotations',
  ),
  row(
    'sparkoperator.k8s.io',
    'v1beta2',
    'ScheduledSparkApplication',
    '',
    '/spec/template/driver/serviceAccount',
    '/spec/template/driver/annotations',
  ),
  row('serving.knative.dev', 'v1', 'Service', '/spec/template', '/spec/template/spec/serviceAccountName'),
  row(
    'flink.apache.org',
    'v1beta1',
    'FlinkDeployment',
    '/spec/podTemplate',
    '/spec/serviceAccount',
    '/spec/podTemplate/metadata/annotations',
  ),
  row('apps.kruise.io', 'v1alpha1', 'CloneSet', '/spec/template', '/spec/template/spec/serviceAccountName'),
  row('apps.kruise.io', 'v1beta1', 'StatefulSet', '/spec/template', '/spec/template/spec/serviceAccountName'),
  row('apps.kruise.io', 'v1alpha1', 'DaemonSet', '/spec/template', '/spec/template/spec/serviceAccountName'),
  row('tekton.dev', 'v1', 'TaskRun', '', '/spec/serviceAccountName', '/metadata/annotations'),
  row('tekton.dev', 'v1', 'PipelineRun', '', '/spec/taskRunTemplate/serviceAccountName', '/metadata/annotations'),
  row(
    'ray.io',
    'v1',
    'RayCluster',
    '/spec/headGroupSpec/template',
    '/spec/headGroupSpec/template/spec/serviceAccountName',
  ),
  row(
    'ray.io',
    'v1',
    'RayJob',
    '/spec/rayClusterSpec/headGroupSpec/template',
    '/spec/rayClusterSpec/headGroupSpec/template/spec/serviceAccountName',
  ),
  row(
    'ray.io',
    'v1',
    'RayService',
    '/spec/rayClusterConfig/headGroupSpec/template',
    '/spec/rayClusterConfig/headGroupSpec/template/spec/serviceAccountName',
  ),
  row(
    'keda.sh',
    'v1alpha1',
    'ScaledJob',
    '/spec/jobTargetRef/template',
    '/spec/jobTargetRef/template/spec/serviceAccountName',
  ),
  row('monitoring.coreos.com', 'v1', 'Prometheus', '', '/spec/serviceAccountName', '/spec/podMetadata/annotations'),
  row('monitoring.coreos.com', 'v1', 'Alertmanager', '', '/spec/serviceAccountName', '/spec/podMetadata/annotations'),
  row('monitoring.coreos.com', 'v1', 'ThanosRuler', '', '/spec/serviceAccountName', '/spec/podMetadata/annotations'),
  row('elasticsearch.k8s.elastic.co', 'v1', 'Elasticsearch', '', null),
  row('kibana.k8s.elastic.co', 'v1', 'Kibana', '/spec/podTemplate', '/spec/podTemplate/spec/serviceAccountName'),
  row('opentelemetry.io', 'v1beta1', 'OpenTelemetryCollector', '', '/spec/serviceAccount', '/spec/podAnnotations'),
  row(
    'actions.github.com',
    'v1alpha1',
    'AutoscalingRunnerSet',
    '/spec/template',
    '/spec/template/spec/serviceAccountName',
  ),
  row(
    'actions.summerwind.dev',
    'v1alpha1',
    'RunnerDeployment',
    '',
    '/spec/template/spec/serviceAccountName',
    '/spec/template/metadata/annotations',
  ),
  row('postgresql.cnpg.io', 'v1', 'Cluster', '', null, '/spec/inheritedMetadata/annotations'),
];

function row(
  group: string,
  version: string,
  kind: string,
  template: string,
  serviceAccount: string | null,
  annotations?: string,
): CustomKind {
  return {
    group,
    versions: [version],
    kind,
    template,
    serviceAccount,
    ...(annotations === undefined ? {} : { annotations }),
  };
}

/** What is known of a custom resource's shape; undefined for a kind that is not in the table. */
export const customKindOf = (apiVersion: string, kind: string): CustomKind | undefined => {
  const group = groupOf(apiVersion);
  return customKinds.find((known) => known.group === group && known.kind === kind);
};

/** Kinds that are listed even without pods: they will make some (schedules, scaled to zero). */
export const listedKinds: readonly { readonly apiVersion: string; readonly kind: string }[] = customKinds
  .filter((known) =>
    [
      'Rollout',
      'CronWorkflow',
      'ScheduledSparkApplication',
      'Service',
      'CloneSet',
      'ScaledJob',
      'FlinkDeployment',
    ].includes(known.kind),
  )
  .map((known) => ({ apiVersion: `${known.group}/${known.versions[0]}`, kind: known.kind }));
