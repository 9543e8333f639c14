import { describe, expect, it } from 'vitest';
import { skippedContainers } from '../../../src/findings/rules/rl209-webhook-skipped.js';
import { aProposal, brief, type Judging, judged } from '../../helpers/findings.js';
import {
  aContainer,
  aNode,
  anAssociation,
  anInventory,
  anObject,
  aRole,
  aServiceAccount,
  asking,
  aView,
  aWorkload,
  policyText,
  roleArn,
  trustOf,
  trustsAws,
} from '../../helpers/inventory.js';

const plain = anInventory();
const estate = (over: Parameters<typeof anInventory>[0] = {}) =>
  anInventory({
    roles: [...plain.roles, aRole('app'), aRole('other')],
    serviceAccounts: [aServiceAccount('payments', 'api')],
    workloads: [aWorkload('api', { template: asking('app') })],
    ...over,
  });
const template = (over: Parameters<typeof aView>[0]) => ({
  workloads: [aWorkload('api', { template: asking('app', over) })],
});
const toPodIdentity: Judging = { proposals: (of) => [aProposal(of, 'api', { to: { mechanism: 'pod-identity' } })] };
const vault = { annotations: { 'vault.hashicorp.com/agent-inject': 'true' } };

describe('RL201 one-account-two-roles', () => {
  const two = (over: Parameters<typeof aView>[0] = {}) => ({
    workloads: [aWorkload('api', { template: asking('app', over) }), aWorkload('batch', { template: asking('other') })],
  });
  it('warns of an account that has to be split', () => {
    const found = judged('RL201', estate(two()));
    expect(brief(found)).toEqual(['warn RL201:payments/api']);
    expect(found[0]?.evidence.roles).toEqual([
      { role: roleArn('app'), workloads: ['Deployment payments/api'] },
      { role: roleArn('other'), workloads: ['Deployment payments/batch'] },
    ]);
  });
  it('blocks where Vault, another cloud or a policy knows the name', () => {
    expect(brief(judged('RL201', estate(two(vault))))).toEqual(['block RL201:payments/api']);
    const tokens = { volumes: [{ name: 't', tokens: [{ audience: 'vault', path: 't' }] }] };
    expect(brief(judged('RL201', estate(two(tokens))))).toEqual(['block RL201:payments/api']);
    const policy = anObject('kyverno.io/v1', 'ClusterPolicy', undefined, 'p', {
      spec: { rules: [{ match: { subject: 'system:serviceaccount:payments:api' } }] },
    });
    expect(brief(judged('RL201', estate({ ...two(), objects: [policy] })))).toEqual(['block RL201:payments/api']);
  });
  it('does not take the tokens of the cluster and of AWS for a marker', () => {
    const tokens = {
      volumes: [
        {
          name: 't',
          tokens: [
            { audience: '', path: 't' },
            { audience: 'sts.amazonaws.com', path: 'u' },
          ],
        },
      ],
    };
    expect(brief(judged('RL201', estate(two(tokens))))).toEqual(['warn RL201:payments/api']);
  });
  it('is silent for two workloads with one role', () => {
    const same = {
      workloads: [aWorkload('api', { template: asking('app') }), aWorkload('b', { template: asking('app') })],
    };
    expect(judged('RL201', estate(same))).toEqual([]);
  });
  it('does not descend for ever into a hostile object', () => {
    let deep: Record<string, never> | { deeper: unknown } = {};
    for (let depth = 0; depth < 5000; depth++) deep = { deeper: deep };
    const raw = anObject('x.io/v1', 'Deep', 'payments', 'd', { spec: deep as never });
    expect(brief(judged('RL201', estate({ ...two(), objects: [raw] })))).toEqual(['warn RL201:payments/api']);
  });
});

describe('RL202 bystanders', () => {
  const shared = (over: Parameters<typeof aView>[0] = {}) => ({
    workloads: [aWorkload('api', { template: asking('app', over) }), aWorkload('web')],
  });
  it('warns where a workload without a role would gain one', () => {
    const found = judged('RL202', estate(shared()));
    expect(brief(found)).toEqual(['warn RL202:payments/api']);
    expect(found[0]?.evidence.bystanders).toEqual(['Deployment payments/web']);
  });
  it('blocks where the name is trusted elsewhere', () => {
    expect(brief(judged('RL202', estate(shared(vault))))).toEqual(['block RL202:payments/api']);
  });
  it('never lets the default account be bound', () => {
    expect(brief(judged('RL202', estate(template({ serviceAccount: 'default' }))))).toEqual([
      'warn RL202:payments/default',
    ]);
  });
  it('is silent where nobody else uses the account', () => {
    expect(
      judged(
        'RL202',
        estate({
          workloads: [
            aWorkload('api', { template: asking('app') }),
            aWorkload('web', { template: aView({ serviceAccount: 'web' }) }),
          ],
        }),
      ),
    ).toEqual([]);
  });
});

describe('RL203 managed-elsewhere', () => {
  const owner = (tool: 'helm' | 'argocd' | 'kubectl-apply', strength: 'certain' | 'hint' = 'certain') => [
    { tool, ref: 'shop', evidence: 'label', strength },
  ];
  it('tells a workload and an account that another tool writes', () => {
    const found = judged(
      'RL203',
      estate({
        workloads: [aWorkload('api', { template: asking('app'), owners: owner('argocd') })],
        serviceAccounts: [aServiceAccount('payments', 'api', { owners: owner('helm') })],
      }),
    );
    expect(found.map(({ subject }) => subject.kind).sort()).toEqual(['Deployment', 'ServiceAccount']);
    expect(new Set(found.map(({ id }) => id)).size).toBe(2);
  });
  it('is silent for kubectl apply and for hints', () => {
    const workloads = [
      aWorkload('api', { template: asking('app'), owners: [...owner('kubectl-apply'), ...owner('argocd', 'hint')] }),
    ];
    expect(judged('RL203', estate({ workloads }))).toEqual([]);
  });
});

describe('RL204 account-already-bound', () => {
  const bound = (role: string) => ({
    serviceAccounts: [aServiceAccount('payments', 'api', { annotations: { 'eks.amazonaws.com/role-arn': role } })],
  });
  it('blocks an annotation or association with another role', () => {
    expect(brief(judged('RL204', estate(bound(roleArn('other')))))).toEqual(['block RL204:payments/api']);
    const associations = [anAssociation('payments', 'api', roleArn('other'))];
    expect(brief(judged('RL204', estate({ associations }), toPodIdentity))).toEqual(['block RL204:payments/api']);
  });
  it('is silent where it is the same role, or none', () => {
    expect(judged('RL204', estate(bound(roleArn('app'))))).toEqual([]);
    expect(judged('RL204', estate(bound('')))).toEqual([]);
  });
});

describe('RL205 template-sets-credentials', () => {
  it('blocks a template that sets one of the pair', () => {
    const found = judged(
      'RL205',
      estate(
        template({
          containers: [aContainer({ env: ['AWS_ROLE_ARN'], identityEnv: { AWS_ROLE_ARN: roleArn('old') } })],
        }),
      ),
    );
    expect(brief(found)).toEqual(['block RL205:payments/api']);
    expect(found[0]?.evidence.values).toEqual({ 'app: AWS_ROLE_ARN': roleArn('old') });
  });
  it('is silent for a region, and for a bare pod that the webhook has been at', () => {
    expect(
      judged('RL205', estate(template({ containers: [aContainer({ env: ['AWS_REGION', 'constructor'] })] }))),
    ).toEqual([]);
    const injected = asking('app', {
      containers: [aContainer({ env: ['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE'] })],
      volumes: [{ name: 'aws-iam-token', tokens: [{ audience: 'sts.amazonaws.com', path: 'token' }] }],
    });
    expect(judged('RL205', estate({ workloads: [aWorkload('api', { kind: 'Pod', template: injected })] }))).toEqual([]);
  });
});

describe('RL206 restart-needs-a-person', () => {
  const reasons = (over: Parameters<typeof aWorkload>[1]) =>
    judged('RL206', estate({ workloads: [aWorkload('api', { template: asking('app'), ...over })] }));
  it.each([
    ['OnDelete', { strategy: 'OnDelete' }],
    ['paused', { paused: true }],
    ['bare pod', { kind: 'Pod' }],
    ['Job', { kind: 'Job' }],
    ['CronJob', { kind: 'CronJob' }],
    ['no replicas', { replicas: 0 }],
    ['partition', { kind: 'StatefulSet', partition: 1 }],
    ['suspended', { kind: 'CronJob', suspended: true }],
  ])('warns: %s', (_name, over) => {
    expect(brief(reasons(over))).toEqual(['warn RL206:payments/api']);
  });
  it('is silent for a rolling update, its partition at zero', () => {
    expect(reasons({ kind: 'StatefulSet', partition: 0 })).toEqual([]);
  });
});

describe('RL207 mechanism-not-available', () => {
  it('says why Pod Identity is not chosen', () => {
    expect(brief(judged('RL207', estate({ cluster: { kind: 'self-managed' } })))).toEqual(['info RL207:payments/api']);
    expect(judged('RL207', estate({ cluster: { kubernetesVersion: '1.30', platformVersion: 'eks.1' } }))).toHaveLength(
      1,
    );
    const fargateProfiles = [{ name: 'f', role: 'r', selectors: [{ namespace: 'payments', labels: {} }] }];
    expect(judged('RL207', estate({ fargateProfiles }))).toHaveLength(1);
    expect(judged('RL207', estate(template({ nodeSelector: { 'kubernetes.io/os': 'windows' } })))).toHaveLength(1);
  });
  it('blocks where Pod Identity was asked for', () => {
    expect(
      brief(judged('RL207', estate({ cluster: { kind: 'kops' } }), { options: { target: 'pod-identity' } })),
    ).toEqual(['block RL207:payments/api']);
  });
  it('is silent where it can serve, and where a profile takes other pods', () => {
    expect(judged('RL207', estate())).toEqual([]);
    const fargateProfiles = [
      { name: 'f', role: 'r', selectors: [{ namespace: 'payments', labels: { fargate: 'yes' } }] },
    ];
    expect(judged('RL207', estate({ fargateProfiles }))).toEqual([]);
    expect(judged('RL207', estate({ nodes: [aNode('node-1'), aNode('f', { compute: 'fargate' })] }))).toEqual([]);
  });
  it('does not claim to know a version that is none', () => {
    expect(judged('RL207', estate({ cluster: { kubernetesVersion: 'latest' } }))[0]?.evidence.obstacles).toEqual([
      'the Kubernetes version is not known',
    ]);
  });
});

describe('RL208 custom-owner', () => {
  it('names the path, or says that it is not known', () => {
    const rollout = { kind: 'Rollout', apiVersion: 'argoproj.io/v1alpha1', custom: true, template: asking('app') };
    expect(judged('RL208', estate({ workloads: [aWorkload('api', rollout)] }))[0]?.message).toContain(
      '/spec/template/spec/serviceAccountName',
    );
    expect(
      judged('RL208', estate({ workloads: [aWorkload('api', { ...rollout, serviceAccountPath: null })] }))[0]?.message,
    ).toContain('not known');
  });
  it('is silent for built-in kinds', () => {
    expect(judged('RL208', estate())).toEqual([]);
  });
});

describe('RL209 webhook-skipped', () => {
  it('blocks the label and the annotation', () => {
    expect(
      brief(judged('RL209', estate(template({ labels: { 'eks.amazonaws.com/skip-pod-identity-webhook': '' } })))),
    ).toEqual(['block RL209:payments/api']);
    expect(
      judged('RL209', estate(template({ annotations: { 'eks.amazonaws.com/skip-containers': 'app' } }))),
    ).toHaveLength(1);
  });
  it('is silent where the webhook does not honour the label, and where the names are not trimmed', () => {
    const labels = { 'eks.amazonaws.com/skip-pod-identity-webhook': '' };
    expect(judged('RL209', estate({ ...template({ labels }), webhook: { skipLabel: false } }))).toEqual([]);
    expect(
      judged('RL209', estate(template({ annotations: { 'eks.amazonaws.com/skip-containers': 'x, app' } }))),
    ).toEqual([]);
  });
  it('reads names as the webhook does', () => {
    expect(skippedContainers('a,b')).toEqual(['a', 'b']);
    expect(skippedContainers('a, b')).toEqual(['a', ' b']);
    expect(skippedContainers('"a,b",c\nd')).toEqual(['a,b', 'c']);
    expect(skippedContainers('a"b')).toEqual([]);
    expect(skippedContainers('"open')).toEqual([]);
    expect(skippedContainers('')).toEqual(['']);
    expect(skippedContainers(`${'"'.repeat(100_001)}`)).toEqual([]);
  });
});

describe('RL210 no-spare-replica', () => {
  const budget = (spec: object, labels = { app: 'api' }) =>
    anObject('policy/v1', 'PodDisruptionBudget', 'payments', 'b', {
      spec: { selector: { matchLabels: labels }, ...spec } as never,
    });
  it('warns of one replica, and of a budget that lets none go', () => {
    expect(
      brief(judged('RL210', estate({ workloads: [aWorkload('api', { template: asking('app'), replicas: 1 })] }))),
    ).toEqual(['warn RL210:payments/api']);
    expect(judged('RL210', estate({ objects: [budget({ maxUnavailable: 0 })] }))).toHaveLength(1);
    expect(judged('RL210', estate({ objects: [budget({ minAvailable: '100%' })] }))).toHaveLength(1);
  });
  it('is silent where a pod may go, and where the budget is for others', () => {
    expect(judged('RL210', estate({ objects: [budget({ minAvailable: 1 })] }))).toEqual([]);
    expect(judged('RL210', estate({ objects: [budget({ maxUnavailable: 0 }, { app: 'web' })] }))).toEqual([]);
    expect(judged('RL210', estate({ objects: [budget({ minAvailable: '9999999%' })] }))).toEqual([]);
  });
});

describe('RL211 token-unreadable', () => {
  const users = (first: number | undefined, second: number | undefined, fsGroup?: number) =>
    judged(
      'RL211',
      estate(
        template({
          containers: [
            aContainer(first === undefined ? {} : { runAsUser: first }),
            aContainer({ name: 'b', ...(second === undefined ? {} : { runAsUser: second }) }),
          ],
          ...(fsGroup === undefined ? {} : { fsGroup }),
        }),
      ),
    );
  it('warns of several users without a common group', () => {
    expect(brief(users(1000, 2000))).toEqual(['warn RL211:payments/api']);
    expect(users(1000, undefined)).toHaveLength(1);
  });
  it('is silent with one user, with fsGroup, and for root', () => {
    expect(users(1000, 1000)).toEqual([]);
    expect(users(1000, 2000, 1)).toEqual([]);
    expect(users(0, 0)).toEqual([]);
    expect(users(undefined, undefined)).toEqual([]);
  });
});

describe('RL212 name-referenced-elsewhere', () => {
  const shared = { workloads: [aWorkload('api', { template: asking('app') }), aWorkload('web')] };
  const binding = {
    ref: {
      api: 'kubernetes' as const,
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      namespace: 'payments',
      name: 'b',
    },
    roleRef: { apiGroup: '', kind: 'Role', name: 'r' },
    subjects: [{ kind: 'User', name: 'system:serviceaccount:payments:api' }],
  };
  it('warns of users and token Secrets that stay behind', () => {
    const found = judged(
      'RL212',
      estate({
        ...shared,
        bindings: [binding],
        serviceAccounts: [aServiceAccount('payments', 'api', { secrets: ['api-token'] })],
      }),
    );
    expect(brief(found)).toEqual(['warn RL212:payments/api']);
    expect(found[0]?.evidence).toMatchObject({ userBindings: ['RoleBinding payments/b'], tokenSecrets: ['api-token'] });
  });
  it('is silent where the account is not split', () => {
    expect(judged('RL212', estate({ bindings: [binding] }))).toEqual([]);
  });
  it('is silent for another account of a similar name', () => {
    const other = { ...binding, subjects: [{ kind: 'User', name: 'system:serviceaccount:payments:api2' }] };
    expect(judged('RL212', estate({ ...shared, bindings: [other] }))).toEqual([]);
  });
});

describe('RL213 egress-not-open', () => {
  const policy = (egress: unknown, labels: Record<string, string> = { app: 'api' }) =>
    anObject('networking.k8s.io/v1', 'NetworkPolicy', 'payments', 'p', {
      spec: { podSelector: { matchLabels: labels }, policyTypes: ['Egress'], egress } as never,
    });
  const of = (egress: unknown, how?: Judging) => brief(judged('RL213', estate({ objects: [policy(egress)] }), how));
  it('blocks where a default-deny policy selects the pod', () => {
    expect(of([])).toEqual(['block RL213:payments/api']);
    expect(of([{ to: [{ podSelector: {} }] }])).toEqual(['block RL213:payments/api']);
    expect(of([{ ports: [{ port: 53, protocol: 'UDP' }] }])).toEqual(['block RL213:payments/api']);
  });
  it('looks at the agent under Pod Identity', () => {
    const toAgent = [{ to: [{ ipBlock: { cidr: '169.254.170.23/32' } }], ports: [{ port: 80 }] }];
    expect(of(toAgent, toPodIdentity)).toEqual([]);
    expect(of(toAgent)).toEqual(['block RL213:payments/api']);
  });
  it('is silent where a policy allows it, selects others, or the pod is on the host network', () => {
    expect(of([{ ports: [{ port: 443 }] }])).toEqual([]);
    expect(of([{ ports: [{ port: 400, endPort: 500 }] }])).toEqual([]);
    expect(of([{}])).toEqual([]);
    expect(judged('RL213', estate({ objects: [policy([], { app: 'web' })] }))).toEqual([]);
  });
  it('warns where it cannot tell: Calico, a closed VPC', () => {
    const calico = anObject('projectcalico.org/v3', 'GlobalNetworkPolicy', undefined, 'c', {
      spec: { types: ['Egress'] },
    });
    expect(brief(judged('RL213', estate({ objects: [calico] })))).toEqual(['warn RL213:payments/api']);
    expect(brief(judged('RL213', estate({ cluster: { closedVpc: true } })))).toEqual(['warn RL213:payments/api']);
    // As the scan of a private cluster tells it: open towards STS where that endpoint is there, whatever Pod Identity needs.
    const through = (endpoints: string, how = {}) =>
      brief(judged('RL213', estate({ cluster: { closedVpc: false, facts: { 'vpc.endpoints': endpoints } } }), how));
    expect(through('ecr.api,sts')).toEqual([]);
    expect(through('ecr.api,sts', toPodIdentity)).toEqual(['warn RL213:payments/api']);
    expect(through('eks-auth,sts', toPodIdentity)).toEqual([]);
    expect(through('')).toEqual(['warn RL213:payments/api']);
  });
  it('reads Cilium rules', () => {
    const cilium = (egress: unknown) =>
      anObject('cilium.io/v2', 'CiliumNetworkPolicy', 'payments', 'c', {
        spec: { endpointSelector: { matchLabels: { 'k8s:app': 'api' } }, egress } as never,
      });
    expect(brief(judged('RL213', estate({ objects: [cilium([{ toEndpoints: [{}] }])] })))).toEqual([
      'block RL213:payments/api',
    ]);
    expect(judged('RL213', estate({ objects: [cilium([{ toEntities: ['world'] }])] }))).toEqual([]);
    expect(
      judged('RL213', estate({ objects: [cilium([{ toFQDNs: [{ matchPattern: '*.amazonaws.com' }] }])] })),
    ).toEqual([]);
  });
  it('takes nonsense in a policy for no permission', () => {
    expect(of([{ to: [{ ipBlock: { cidr: 7 } }], ports: 'all' }, null, 'x'])).toEqual(['block RL213:payments/api']);
  });
});

describe('RL214 chains-roles', () => {
  const chaining = (resource: string) => ({
    roles: [
      ...plain.roles,
      aRole('app', {
        inline: { chain: policyText({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: resource }) },
      }),
      aRole('far', { trust: trustOf(trustsAws(roleArn('app'))) }),
      aRole('tagged', {
        trust: trustOf({ ...trustsAws(roleArn('app')), Action: ['sts:AssumeRole', 'sts:TagSession'] }),
      }),
    ],
  });
  const subject = 'RL214:111122223333/app';
  it('warns, and blocks under Pod Identity', () => {
    expect(brief(judged('RL214', estate(chaining(roleArn('far')))))).toEqual([`warn ${subject}`]);
    expect(brief(judged('RL214', estate(chaining(roleArn('far'))), toPodIdentity))).toEqual([`block ${subject}`]);
    expect(brief(judged('RL214', estate(chaining('*')), toPodIdentity))).toEqual([`block ${subject}`]);
  });
  it('does not block where every role takes tags, or tags are off', () => {
    expect(brief(judged('RL214', estate(chaining(roleArn('tagged'))), toPodIdentity))).toEqual([`warn ${subject}`]);
    expect(
      brief(judged('RL214', estate(chaining('*')), { ...toPodIdentity, options: { disableSessionTags: true } })),
    ).toEqual([`warn ${subject}`]);
  });
  it('is silent for a role that assumes none', () => {
    expect(judged('RL214', estate())).toEqual([]);
  });
});

describe('RL215 tag-based-policies', () => {
  const roles = [
    ...plain.roles,
    aRole('app', {
      inline: {
        tags: policyText({
          Effect: 'Allow',
          Action: 's3:*',
          Resource: '*',
          Condition: { StringEquals: { 'aws:PrincipalTag/team': 'a' } },
        }),
      },
    }),
  ];
  it('warns under Pod Identity', () => {
    expect(brief(judged('RL215', estate({ roles }), toPodIdentity))).toEqual(['warn RL215:111122223333/app']);
  });
  it('is silent under IRSA, with tags off, and without such statements', () => {
    expect(judged('RL215', estate({ roles }))).toEqual([]);
    expect(judged('RL215', estate({ roles }), { ...toPodIdentity, options: { disableSessionTags: true } })).toEqual([]);
    expect(judged('RL215', estate(), toPodIdentity)).toEqual([]);
  });
});

describe('RL216 region-injected', () => {
  const webhook = { injectsRegion: true };
  it('warns where a profile may hold another region, and tells it otherwise', () => {
    expect(
      brief(judged('RL216', estate({ ...template({ containers: [aContainer({ env: ['AWS_PROFILE'] })] }), webhook }))),
    ).toEqual(['warn RL216:payments/api']);
    expect(brief(judged('RL216', estate({ webhook })))).toEqual(['info RL216:payments/api']);
  });
  it('is silent where a region is set, or none is injected', () => {
    expect(
      judged('RL216', estate({ ...template({ containers: [aContainer({ env: ['AWS_DEFAULT_REGION'] })] }), webhook })),
    ).toEqual([]);
    expect(judged('RL216', estate())).toEqual([]);
  });
});

describe('RL217 sdk-unknown', () => {
  const known = (sdkKnown: readonly string[], over = {}) =>
    brief(judged('RL217', estate(over), { ...toPodIdentity, options: { sdkKnown } }));
  it('blocks Pod Identity for a container that does not tell its SDK', () => {
    expect(known([])).toEqual(['block RL217:payments/api']);
  });
  it('blocks an SDK that is too old, and a text that names none', () => {
    expect(known(['payments/api=botocore/1.34.40'])).toEqual(['block RL217:payments/api']);
    expect(known(['payments/api=constructor/1'])).toEqual(['block RL217:payments/api']);
    expect(known(['payments/web=botocore/1.34.41'])).toEqual(['block RL217:payments/api']);
  });
  it('is silent for one that is known to be new enough', () => {
    expect(known(['payments/api=botocore/1.34.41'])).toEqual([]);
    expect(known(['*'])).toEqual([]);
    expect(known([], template({ annotations: { 'rolelift.dev/sdk': 'go-v2/release-2024-01-01' } }))).toEqual([]);
    expect(
      known([], template({ containers: [aContainer({ image: 'public.ecr.aws/aws-cli/aws-cli:2.15.1' })] })),
    ).toEqual([]);
  });
  it('is silent under IRSA, but for an SDK that is known to be older than IRSA', () => {
    expect(judged('RL217', estate())).toEqual([]);
    const under = (sdk: string) => brief(judged('RL217', estate(), { options: { sdkKnown: [`payments/api=${sdk}`] } }));
    expect(under('boto3/1.9.219')).toEqual(['block RL217:payments/api']);
    expect(under('boto3/1.9.220')).toEqual([]);
  });
});
