/** Add-ons that the simulated EKS offers (EKS User Guide, add-ons; versions are examples of the real naming). */
export interface CatalogueEntry {
  readonly namespace: string;
  readonly versions: readonly string[];
  readonly requiresIam: boolean;
  /** DescribeAddonConfiguration's podIdentityConfiguration. */
  readonly identities: readonly { readonly serviceAccount: string; readonly policies: readonly string[] }[];
  /** Workload that runs it, `Kind/name`. */
  readonly workload: string | null;
}

export const catalogue: Readonly<Record<string, CatalogueEntry>> = {
  'vpc-cni': {
    namespace: 'kube-system',
    versions: ['v1.20.4-eksbuild.2', 'v1.19.6-eksbuild.7', 'v1.18.6-eksbuild.1'],
    requiresIam: true,
    identities: [{ serviceAccount: 'aws-node', policies: ['AmazonEKS_CNI_Policy'] }],
    workload: 'DaemonSet/aws-node',
  },
  'aws-ebs-csi-driver': {
    namespace: 'kube-system',
    versions: ['v1.48.0-eksbuild.1', 'v1.47.0-eksbuild.1'],
    requiresIam: true,
    identities: [{ serviceAccount: 'ebs-csi-controller-sa', policies: ['service-role/AmazonEBSCSIDriverPolicy'] }],
    workload: 'Deployment/ebs-csi-controller',
  },
  'aws-efs-csi-driver': {
    namespace: 'kube-system',
    versions: ['v2.1.10-eksbuild.1'],
    requiresIam: true,
    identities: [{ serviceAccount: 'efs-csi-controller-sa', policies: ['service-role/AmazonEFSCSIDriverPolicy'] }],
    workload: 'Deployment/efs-csi-controller',
  },
  'amazon-cloudwatch-observability': {
    namespace: 'amazon-cloudwatch',
    versions: ['v4.3.1-eksbuild.1'],
    requiresIam: true,
    identities: [
      { serviceAccount: 'cloudwatch-agent', policies: ['CloudWatchAgentServerPolicy', 'AWSXrayWriteOnlyAccess'] },
    ],
    workload: 'DaemonSet/cloudwatch-agent',
  },
  'eks-pod-identity-agent': {
    namespace: 'kube-system',
    versions: ['v1.3.8-eksbuild.2', 'v1.3.7-eksbuild.2'],
    requiresIam: false,
    identities: [],
    workload: 'DaemonSet/eks-pod-identity-agent',
  },
  coredns: {
    namespace: 'kube-system',
    versions: ['v1.12.3-eksbuild.1'],
    requiresIam: false,
    identities: [],
    workload: 'Deployment/coredns',
  },
  'kube-proxy': {
    namespace: 'kube-system',
    versions: ['v1.33.3-eksbuild.4'],
    requiresIam: false,
    identities: [],
    workload: 'DaemonSet/kube-proxy',
  },
};
