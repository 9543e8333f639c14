/** A controller or add-on that commonly lives on the node role, with what its own role needs. */
export interface Controller {
  /** What `--include` takes. */
  readonly name: string;
  readonly title: string;
  /** EKS add-on of that name, where there is one. */
  readonly addon: string | null;
  /** Service accounts it runs with by default, `namespace/name`. */
  readonly serviceAccounts: readonly string[];
  /** Parts of image names by which its workloads are recognised. */
  readonly images: readonly string[];
  /** Managed policies that its role needs, by the part behind `policy/`; empty: it takes a policy of its own. */
  readonly managedPolicies: readonly string[];
  /** Actions that give away that a policy on a node role is meant for it. */
  readonly actions: readonly string[];
  /** First add-on version that takes Pod Identity; null where none is known. */
  readonly podIdentitySince: string | null;
  readonly source: string;
}

const userGuide = 'EKS User Guide, add-on pages; DescribeAddonConfiguration goes before it';

/** Add-ons and well-known controllers (EKS User Guide, eksctl, the projects' own documentation). A fallback: the live API is asked first. */
export const controllers: readonly Controller[] = [
  {
    name: 'vpc-cni',
    title: 'the Amazon VPC CNI',
    addon: 'vpc-cni',
    serviceAccounts: ['kube-system/aws-node'],
    images: ['amazon-k8s-cni'],
    managedPolicies: ['AmazonEKS_CNI_Policy'],
    actions: ['ec2:AssignPrivateIpAddresses', 'ec2:AssignIpv6Addresses'],
    podIdentitySince: 'v1.15.5-eksbuild.1',
    source: userGuide,
  },
  {
    name: 'aws-ebs-csi-driver',
    title: 'the EBS CSI driver',
    addon: 'aws-ebs-csi-driver',
    serviceAccounts: ['kube-system/ebs-csi-controller-sa'],
    images: ['aws-ebs-csi-driver', 'ebs-csi-driver'],
    managedPolicies: ['service-role/AmazonEBSCSIDriverPolicy'],
    actions: ['ec2:AttachVolume', 'ec2:CreateVolume'],
    podIdentitySince: 'v1.26.0-eksbuild.1',
    source: userGuide,
  },
  {
    name: 'aws-efs-csi-driver',
    title: 'the EFS CSI driver',
    addon: 'aws-efs-csi-driver',
    serviceAccounts: ['kube-system/efs-csi-controller-sa', 'kube-system/efs-csi-node-sa'],
    images: ['aws-efs-csi-driver'],
    managedPolicies: ['service-role/AmazonEFSCSIDriverPolicy'],
    actions: ['elasticfilesystem:CreateAccessPoint'],
    podIdentitySince: 'v2.0.5-eksbuild.1',
    source: userGuide,
  },
  {
    name: 'aws-mountpoint-s3-csi-driver',
    title: 'the Mountpoint for S3 CSI driver',
    addon: 'aws-mountpoint-s3-csi-driver',
    serviceAccounts: ['kube-system/s3-csi-driver-sa'],
    images: ['aws-s3-csi-driver', 'mountpoint-s3-csi-driver'],
    managedPolicies: [],
    actions: [],
    podIdentitySince: null,
    source: userGuide,
  },
  {
    name: 'aws-fsx-csi-driver',
    title: 'the FSx CSI driver',
    addon: 'aws-fsx-csi-driver',
    serviceAccounts: ['kube-system/fsx-csi-controller-sa'],
    images: ['aws-fsx-csi-driver'],
    managedPolicies: ['AmazonFSxFullAccess'],
    actions: ['fsx:CreateFileSystem'],
    podIdentitySince: null,
    source: userGuide,
  },
  {
    name: 'amazon-cloudwatch-observability',
    title: 'CloudWatch observability',
    addon: 'amazon-cloudwatch-observability',
    serviceAccounts: ['amazon-cloudwatch/cloudwatch-agent'],
    images: ['cloudwatch-agent', 'amazon-cloudwatch-agent'],
    managedPolicies: ['CloudWatchAgentServerPolicy', 'AWSXrayWriteOnlyAccess'],
    actions: ['cloudwatch:PutMetricData', 'xray:PutTraceSegments'],
    podIdentitySince: 'v3.1.0-eksbuild.1',
    source: userGuide,
  },
  {
    name: 'adot',
    title: 'the AWS Distro for OpenTelemetry',
    addon: 'adot',
    serviceAccounts: [
      'opentelemetry-operator-system/adot-col-container-logs',
      'opentelemetry-operator-system/adot-col-otlp-ingest',
      'opentelemetry-operator-system/adot-col-prom-metrics',
    ],
    images: ['aws-otel-collector', 'adot-collector'],
    managedPolicies: ['AmazonPrometheusRemoteWriteAccess', 'AWSXrayWriteOnlyAccess', 'CloudWatchAgentServerPolicy'],
    actions: ['aps:RemoteWrite'],
    podIdentitySince: 'v0.94.1-eksbuild.1',
    source: userGuide,
  },
  {
    name: 'cluster-autoscaler',
    title: 'the cluster autoscaler',
    addon: null,
    serviceAccounts: ['kube-system/cluster-autoscaler'],
    images: ['cluster-autoscaler'],
    managedPolicies: [],
    actions: ['autoscaling:SetDesiredCapacity', 'autoscaling:TerminateInstanceInAutoScalingGroup'],
    podIdentitySince: null,
    source: 'kubernetes/autoscaler, cloudprovider/aws/README.md',
  },
  {
    name: 'external-dns',
    title: 'external-dns',
    addon: null,
    serviceAccounts: ['external-dns/external-dns', 'kube-system/external-dns'],
    images: ['external-dns'],
    managedPolicies: [],
    actions: ['route53:ChangeResourceRecordSets'],
    podIdentitySince: null,
    source: 'kubernetes-sigs/external-dns, docs/tutorials/aws.md',
  },
  {
    name: 'aws-load-balancer-controller',
    title: 'the AWS load balancer controller',
    addon: null,
    serviceAccounts: ['kube-system/aws-load-balancer-controller'],
    images: ['aws-load-balancer-controller', 'aws-alb-ingress-controller'],
    managedPolicies: [],
    actions: ['elasticloadbalancing:CreateLoadBalancer', 'elasticloadbalancing:CreateTargetGroup'],
    podIdentitySince: null,
    source: 'kubernetes-sigs/aws-load-balancer-controller, docs/install/iam_policy.json',
  },
  {
    name: 'cert-manager',
    title: 'cert-manager (Route 53 challenges)',
    addon: null,
    serviceAccounts: ['cert-manager/cert-manager'],
    images: ['cert-manager-controller'],
    managedPolicies: [],
    actions: ['route53:GetChange'],
    podIdentitySince: null,
    source: 'cert-manager.io, DNS01 with Route53',
  },
  {
    name: 'karpenter',
    title: 'Karpenter',
    addon: null,
    serviceAccounts: ['karpenter/karpenter', 'kube-system/karpenter'],
    images: ['karpenter/controller', 'karpenter'],
    managedPolicies: [],
    actions: ['ec2:CreateFleet', 'ec2:RunInstances'],
    podIdentitySince: null,
    source: 'karpenter.sh, CloudFormation reference',
  },
  {
    name: 'fluent-bit',
    title: 'Fluent Bit',
    addon: null,
    serviceAccounts: ['amazon-cloudwatch/fluent-bit', 'logging/fluent-bit', 'kube-system/aws-for-fluent-bit'],
    images: ['aws-for-fluent-bit', 'fluent-bit', 'fluentd'],
    managedPolicies: [],
    actions: ['logs:PutLogEvents', 'firehose:PutRecordBatch'],
    podIdentitySince: null,
    source: 'aws/aws-for-fluent-bit, README.md',
  },
];

/** Policies that a node role keeps, by the part behind `policy/` (EKS User Guide, node IAM role). */
export const nodePolicies: ReadonlySet<string> = new Set([
  'AmazonEKSWorkerNodePolicy',
  'AmazonEKSWorkerNodeMinimalPolicy',
  'AmazonEC2ContainerRegistryReadOnly',
  'AmazonEC2ContainerRegistryPullOnly',
  'AmazonSSMManagedInstanceCore',
]);

/** `AmazonEKS_CNI_Policy` of `arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy`; null for policies that AWS does not manage. */
export const awsManagedName = (arn: string): string | null => {
  const match = /^arn:aws[a-z0-9-]*:iam::aws:policy\/(.+)$/.exec(arn);
  return match === null ? null : (match[1] as string);
};

/** The controller of a name that `--include` takes, or of an add-on. */
export const controllerNamed = (name: string): Controller | undefined =>
  controllers.find((each) => each.name === name || each.addon === name);

const imageName = (image: string): string => {
  const plain = image.split('@', 1)[0] as string;
  const colon = plain.lastIndexOf(':');
  return colon > plain.lastIndexOf('/') ? plain.slice(0, colon) : plain;
};

/** The controller that a workload is, by service account or by image; undefined where it is none of the table. */
export const controllerOf = (
  namespace: string,
  serviceAccount: string,
  images: readonly string[],
): Controller | undefined =>
  controllers.find(({ serviceAccounts }) => serviceAccounts.includes(`${namespace}/${serviceAccount}`)) ??
  controllers.find(({ images: known }) =>
    images.some((image) => known.some((part) => imageName(image) === part || imageName(image).endsWith(`/${part}`))),
  );
