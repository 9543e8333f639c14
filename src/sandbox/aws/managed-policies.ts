/** Policies that AWS keeps itself, as far as a cluster's roles carry them (AWS Managed Policy Reference; sizes cut to what decides). */

interface Managed {
  readonly arn: string;
  readonly name: string;
  readonly versionId: string;
  readonly document: string;
}

const allow = (actions: readonly string[], resource: string | readonly string[] = '*'): object => ({
  Effect: 'Allow',
  Action: actions,
  Resource: resource,
});

const statements: Readonly<Record<string, { readonly version: string; readonly list: readonly object[] }>> = {
  AdministratorAccess: { version: 'v1', list: [{ Effect: 'Allow', Action: '*', Resource: '*' }] },
  ReadOnlyAccess: { version: 'v120', list: [allow(['*:Get*', '*:List*', '*:Describe*'])] },
  AmazonEKS_CNI_Policy: {
    version: 'v5',
    list: [
      {
        Sid: 'AmazonEKSCNIPolicy',
        ...allow([
          'ec2:AssignPrivateIpAddresses',
          'ec2:AttachNetworkInterface',
          'ec2:CreateNetworkInterface',
          'ec2:DeleteNetworkInterface',
          'ec2:DescribeInstances',
          'ec2:DescribeTags',
          'ec2:DescribeNetworkInterfaces',
          'ec2:DescribeInstanceTypes',
          'ec2:DescribeSubnets',
          'ec2:DetachNetworkInterface',
          'ec2:ModifyNetworkInterfaceAttribute',
          'ec2:UnassignPrivateIpAddresses',
        ]),
      },
      { Sid: 'AmazonEKSCNIPolicyENITag', ...allow(['ec2:CreateTags'], ['arn:aws:ec2:*:*:network-interface/*']) },
    ],
  },
  AmazonEKSWorkerNodePolicy: {
    version: 'v3',
    list: [
      {
        Sid: 'WorkerNodePermissions',
        ...allow([
          'ec2:DescribeInstances',
          'ec2:DescribeInstanceTypes',
          'ec2:DescribeRouteTables',
          'ec2:DescribeSecurityGroups',
          'ec2:DescribeSubnets',
          'ec2:DescribeVolumes',
          'ec2:DescribeVpcs',
          'eks:DescribeCluster',
          'eks-auth:AssumeRoleForPodIdentity',
        ]),
      },
    ],
  },
  AmazonEKSWorkerNodeMinimalPolicy: { version: 'v1', list: [allow(['eks-auth:AssumeRoleForPodIdentity'])] },
  AmazonEC2ContainerRegistryReadOnly: {
    version: 'v4',
    list: [allow(['ecr:GetAuthorizationToken', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'])],
  },
  AmazonEC2ContainerRegistryPullOnly: {
    version: 'v1',
    list: [allow(['ecr:GetAuthorizationToken', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'])],
  },
  AmazonSSMManagedInstanceCore: {
    version: 'v2',
    list: [allow(['ssm:UpdateInstanceInformation', 'ssmmessages:*', 'ec2messages:*'])],
  },
  AmazonEBSCSIDriverPolicy: {
    version: 'v4',
    list: [
      allow(['ec2:AttachVolume', 'ec2:DetachVolume', 'ec2:CreateVolume', 'ec2:DeleteVolume', 'ec2:DescribeVolumes']),
    ],
  },
  AmazonEFSCSIDriverPolicy: {
    version: 'v2',
    list: [allow(['elasticfilesystem:DescribeAccessPoints', 'elasticfilesystem:CreateAccessPoint'])],
  },
  CloudWatchAgentServerPolicy: {
    version: 'v3',
    list: [allow(['cloudwatch:PutMetricData', 'logs:PutLogEvents', 'logs:CreateLogStream', 'logs:CreateLogGroup'])],
  },
  AWSXrayWriteOnlyAccess: { version: 'v2', list: [allow(['xray:PutTraceSegments', 'xray:PutTelemetryRecords'])] },
  AWSXRayDaemonWriteAccess: { version: 'v2', list: [allow(['xray:PutTraceSegments', 'xray:PutTelemetryRecords'])] },
  AmazonPrometheusRemoteWriteAccess: { version: 'v1', list: [allow(['aps:RemoteWrite'])] },
  AmazonFSxFullAccess: { version: 'v7', list: [allow(['fsx:*'])] },
  AmazonS3ReadOnlyAccess: { version: 'v3', list: [allow(['s3:Get*', 's3:List*'])] },
  AmazonS3FullAccess: { version: 'v2', list: [allow(['s3:*'])] },
  AmazonSQSFullAccess: { version: 'v1', list: [allow(['sqs:*'])] },
  AmazonDynamoDBReadOnlyAccess: { version: 'v14', list: [allow(['dynamodb:Get*', 'dynamodb:Query', 'dynamodb:Scan'])] },
  AmazonRoute53FullAccess: { version: 'v3', list: [allow(['route53:*'])] },
};

/** Null where AWS has no such policy, as far as the sandbox knows. */
export const managedPolicy = (arn: string): Managed | null => {
  const match = /^arn:(aws[a-z-]*):iam::aws:policy\/(?:service-role\/|job-function\/)?([\w+=,.@-]+)$/.exec(arn);
  const name = match?.[2] ?? '';
  if (!match || !Object.hasOwn(statements, name)) return null;
  const found = statements[name] as (typeof statements)[string];
  const text = JSON.stringify({ Version: '2012-10-17', Statement: found.list }, null, 4);
  return { arn, name, versionId: found.version, document: text.replaceAll('arn:aws:', `arn:${match[1]}:`) };
};
