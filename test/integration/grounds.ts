import {
  DescribePodIdentityAssociationCommand,
  ListAddonsCommand,
  ListPodIdentityAssociationsCommand,
} from '@aws-sdk/client-eks';
import {
  AttachRolePolicyCommand,
  GetOpenIDConnectProviderCommand,
  GetRolePolicyCommand,
  ListAttachedRolePoliciesCommand,
  ListOpenIDConnectProvidersCommand,
  ListRolePoliciesCommand,
  ListRolesCommand,
} from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { folder } from '../helpers/cli.js';
import { type Away, away, farTrust } from './away.js';
import { type Estate, pathOf } from './estate.js';
import { eks, iam, sure } from './real.js';
import type { Ground } from './torment.js';

interface Mover {
  readonly namespace: string;
  /** The account with which it runs after its move. */
  readonly account: string;
  /** ARN of the role that it has then. */
  readonly role: string;
}
const nameIn = (role: string): string => role.slice(role.lastIndexOf('/') + 1);

/** Nobody throttles here but those who are told to, so that no run need begin carefully. */
const fast = ['iam-read', 'iam-write', 'eks-read', 'eks-write', 'cloudtrail-read'].flatMap((lane) => [
  '--max-rate',
  `${lane}=100`,
]);
const foreignMark = 'acme.example/audit';

/** What of the account a plan changes for roles and providers of such names, beside the trust that the estate's own picture has. */
const accountPicture = async (estate: Estate, among: (name: string) => boolean): Promise<readonly string[]> => {
  const lines: string[] = [];
  for (const { RoleName, Path, MaxSessionDuration } of (await iam.send(new ListRolesCommand({ MaxItems: 1000 })))
    .Roles ?? []) {
    if (RoleName === undefined || !among(RoleName)) continue;
    const attached = (await iam.send(new ListAttachedRolePoliciesCommand({ RoleName }))).AttachedPolicies ?? [];
    const inline: string[] = [];
    for (const PolicyName of (await iam.send(new ListRolePoliciesCommand({ RoleName }))).PolicyNames ?? [])
      inline.push(
        `${PolicyName} ${decodeURIComponent((await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }))).PolicyDocument ?? '')}`,
      );
    const trust = await estate.trust(RoleName);
    lines.push(`role ${JSON.stringify([RoleName, Path, MaxSessionDuration, trust, attached, inline.sort()])}`);
  }
  for (const { Arn } of (await iam.send(new ListOpenIDConnectProvidersCommand({}))).OpenIDConnectProviderList ?? []) {
    const name = Arn?.split('oidc-provider/')[1] ?? '';
    if (!among(name)) continue;
    const found = await iam.send(new GetOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: Arn }));
    lines.push(`provider ${name} ${JSON.stringify(found.ClientIDList)}`);
  }
  const clusterName = estate.cluster;
  const listed = (await eks.send(new ListPodIdentityAssociationsCommand({ clusterName }))).associations ?? [];
  for (const { associationId, namespace } of listed) {
    if (!among(namespace ?? '')) continue;
    const { association } = await eks.send(new DescribePodIdentityAssociationCommand({ clusterName, associationId }));
    lines.push(
      `association ${namespace}/${association?.serviceAccount} ${association?.roleArn} ${association?.targetRoleArn}`,
    );
  }
  return lines;
};

/** Statement of another hand, and its ways in and out of what a plan writes. */
const foreignHand = (
  estate: Estate,
  movers: readonly Mover[],
  accounts: readonly string[],
  roles: readonly string[],
) => {
  const statement = {
    Sid: 'Auditor',
    Effect: 'Allow',
    Principal: { AWS: `arn:aws:iam::${estate.account}:root` },
    Action: 'sts:AssumeRole',
  };
  const paths = movers.flatMap(({ namespace }) => [
    pathOf('apps/v1', 'Deployment', namespace, 'app'),
    ...accounts.map((account) => pathOf('v1', 'ServiceAccount', namespace, account)),
  ]);
  const mark = (value: string | null) =>
    Promise.all(paths.map((path) => sure('PATCH', path, { metadata: { annotations: { [foreignMark]: value } } })));
  const isTheirs = (one: any): boolean => one.Sid === statement.Sid;
  const trusts = (edit: (statements: readonly any[]) => readonly any[]) =>
    Promise.all(
      roles.map(async (role) => {
        const document = await estate.trust(role);
        await estate.setTrust(role, { ...document, Statement: edit(document.Statement) });
      }),
    );
  const theirs = JSON.stringify(statement);
  return {
    async put() {
      await mark('yes');
      await trusts((statements) => [...statements, statement]);
    },
    async there() {
      const objects = await Promise.all(paths.map((path) => sure('GET', path)));
      const documents = await Promise.all(roles.map((role) => estate.trust(role)));
      return (
        objects.every(({ metadata }) => metadata.annotations?.[foreignMark] === 'yes') &&
        documents.every(({ Statement }) => Statement.some(isTheirs))
      );
    },
    async away() {
      await mark(null);
      await trusts((statements) => statements.filter((one) => !isTheirs(one)));
    },
    /** A line of a picture as it would be without them. */
    without: (line: string): string =>
      line
        .replace(new RegExp(`"${foreignMark}":"yes",?`), '')
        .replace(`,${theirs}`, '')
        .replace(`${theirs},`, ''),
  };
};

const ground = (
  estate: Estate,
  title: string,
  movers: readonly Mover[],
  accounts: readonly string[],
  roles: readonly string[],
  more: Pick<Ground, 'planned' | 'identities'>,
): Ground => {
  const namespaces = movers.map(({ namespace }) => namespace);
  const among = (name: string): boolean => name.startsWith(`${estate.id}-${title}`);
  const { without, ...foreign } = foreignHand(estate, movers, accounts, roles);
  return {
    title,
    folder: folder(),
    planned: ['-n', `${estate.id}-${title}*`, '--retire-trust', ...more.planned, ...fast],
    run: ['--lock', `${namespaces[0]}/rolelift`, ...fast],
    identities: more.identities,
    foreign,
    async picture() {
      await estate.ready(namespaces);
      const lines = [...(await estate.picture(among)), ...(await accountPicture(estate, among))];
      return lines.map(without).sort();
    },
  };
};

const asks = (role: string) => ({ 'iam.amazonaws.com/role': role });
const permitted = { 'iam.amazonaws.com/permitted': '.*' };
const rbac = 'rbac.authorization.k8s.io';

/**
 * Moves from kiam to IRSA, each with a namespace of its own: an account that is split from a bystander's, its bindings copied, a
 * second issuer trusted, the old annotation and the broker's trust taken away.
 */
export const irsaGround = async (estate: Estate, kiam: string, title: string, moves: number): Promise<Ground> => {
  const movers: Mover[] = [];
  for (let index = 0; index < moves; index += 1) {
    const namespace = await estate.namespace(`${title}${index}`, permitted);
    const role = await estate.role(`${title}${index}`, [kiam]);
    await estate.serviceAccount(namespace, 'shared');
    const reads = { namespace, name: 'reads' };
    await estate.create({
      apiVersion: `${rbac}/v1`,
      kind: 'Role',
      metadata: reads,
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }],
    });
    await estate.create({
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: reads,
      roleRef: { apiGroup: rbac, kind: 'Role', name: 'reads' },
      subjects: [{ kind: 'ServiceAccount', name: 'shared', namespace }],
    });
    await estate.workload('Deployment', namespace, 'app', { account: 'shared', annotations: asks(role), replicas: 1 });
    await estate.workload('Deployment', namespace, 'bystander', { account: 'shared', replicas: 1 });
    movers.push({ namespace, account: 'app', role });
  }
  const issuer = `https://${estate.id}-${title}.keys.example.net`;
  const roles = movers.map(({ role }) => role);
  return ground(estate, title, movers, ['shared'], roles, {
    planned: ['--also-issuer', issuer],
    identities: (done) => webIdentities(estate, movers, done),
  });
};

/** Moves from kiam to IRSA, each to a role of its own with the policies of today's. */
export const newRolesGround = async (estate: Estate, kiam: string, title: string, moves: number): Promise<Ground> => {
  const movers: Mover[] = [];
  const roles: string[] = [];
  const accept: string[] = [];
  for (let index = 0; index < moves; index += 1) {
    const namespace = await estate.namespace(`${title}${index}`, permitted);
    const inline = { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' };
    const role = await estate.role(`${title}${index}`, [kiam], { inline });
    const RoleName = `${estate.id}-${title}${index}`;
    await iam.send(
      new AttachRolePolicyCommand({ RoleName, PolicyArn: 'arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess' }),
    );
    await estate.serviceAccount(namespace, 'app');
    await estate.workload('Deployment', namespace, 'app', { account: 'app', annotations: asks(role), replicas: 1 });
    movers.push({ namespace, account: 'app', role: estate.arn(`${RoleName}-testbed-${namespace}.app`) });
    roles.push(role);
    accept.push('--accept', `RL310:${estate.account}/${RoleName}`);
  }
  return ground(estate, title, movers, ['app'], roles, {
    planned: ['--role-mode', 'new', ...accept],
    identities: (done) => webIdentities(estate, movers, done),
  });
};

/** What is wrong with the identity that pods have by IRSA, and that STS gives to their accounts. */
const webIdentities = async (
  estate: Estate,
  movers: readonly Mover[],
  done: Parameters<Ground['identities']>[0],
): Promise<readonly string[]> => {
  const wrong: string[] = [];
  for (const { namespace, account, role } of movers) {
    const may = done === null ? [null, role] : done === 'apply' ? [role] : [null];
    const has = await estate.rolesOf(namespace, 'app');
    if (!has.every((one) => may.includes(one))) wrong.push(`${namespace}/app has ${has.join()}`);
    if (done !== null && has.length === 0) wrong.push(`${namespace}/app has no pod`);
    if (done === 'apply' && !(await estate.exchange(namespace, account, role)))
      wrong.push(`STS does not give ${role} to ${namespace}/${account}`);
    const beside = await estate.rolesOf(namespace, 'bystander');
    if (beside.some((one) => one !== null)) wrong.push(`${namespace}/bystander has ${beside.join()}`);
    if (await estate.exchange(namespace, 'default', role)) wrong.push(`STS gives ${role} to ${namespace}/default`);
  }
  return wrong;
};

/** The role that the agent on a node gives to a service account; null where it gives none. */
const roleByAgent = async (namespace: string, account: string): Promise<string | null> => {
  const { status } = await sure('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: ['pods.eks.amazonaws.com'], expirationSeconds: 600 },
  });
  const answer = await fetch(`${process.env.AWS_ENDPOINT_URL}/v1/credentials`, {
    headers: { authorization: status.token },
  });
  if (!answer.ok) return null;
  const given: any = await answer.json();
  const credentials = {
    accessKeyId: given.AccessKeyId,
    secretAccessKey: given.SecretAccessKey,
    sessionToken: given.Token,
  };
  const sts = new STSClient({
    region: process.env.AWS_REGION ?? '',
    endpoint: process.env.AWS_ENDPOINT_URL ?? '',
    credentials,
  });
  return (await sts.send(new GetCallerIdentityCommand({}))).Arn?.split('/')[1] ?? null;
};

/** Moves from kiam to Pod Identity, the last of them to a role of another account; the agent comes with the plan. */
export const podIdentityGround = async (
  estate: Estate,
  far: Away,
  kiam: string,
  title: string,
  moves: number,
): Promise<Ground> => {
  const movers: Mover[] = [];
  for (let index = 0; index < moves; index += 1) {
    const namespace = await estate.namespace(`${title}${index}`, permitted);
    const name = `${title}${index}`;
    const role = await (index === moves - 1 ? far.appRole(name, kiam) : estate.role(name, [kiam]));
    await estate.serviceAccount(namespace, 'app');
    await estate.workload('Deployment', namespace, 'app', { account: 'app', annotations: asks(role), replicas: 1 });
    movers.push({ namespace, account: 'app', role });
  }
  const identities: Ground['identities'] = async (done) => {
    const wrong: string[] = [];
    for (const { namespace, account, role } of movers) {
      const pods = await estate.pods(namespace, 'app');
      const injected = pods.filter(({ env }) => env.AWS_CONTAINER_CREDENTIALS_FULL_URI !== undefined).length;
      if (done !== null && (pods.length === 0 || injected !== (done === 'apply' ? pods.length : 0)))
        wrong.push(`${injected} of ${pods.length} pods of ${namespace}/app use Pod Identity`);
      if (pods.some(({ env }) => env.AWS_ROLE_ARN !== undefined)) wrong.push(`${namespace}/app has IRSA`);
      const given = await roleByAgent(namespace, account);
      const may = done === null ? [null, nameIn(role)] : done === 'apply' ? [nameIn(role)] : [null];
      if (!may.includes(given)) wrong.push(`the agent gives ${given} to ${namespace}/${account}`);
    }
    return wrong;
  };
  const reach = ['--account-role', `${away}=${await far.migrator(`${title}-migrator`)}`];
  const own = movers.slice(0, -1).map(({ role }) => role);
  const planned = ['--target', 'pod-identity', '--sdk-known', '*', ...reach];
  const made = ground(estate, title, movers, ['app'], own, { planned, identities });
  return {
    ...made,
    run: [...made.run, ...reach],
    async picture() {
      const addons = (await eks.send(new ListAddonsCommand({ clusterName: estate.cluster }))).addons ?? [];
      const trust = JSON.stringify(await farTrust(nameIn(movers.at(-1)?.role ?? '')));
      return [
        ...(await made.picture()),
        `addons ${addons.join()}`,
        `far ${trust.replace(/("sts:ExternalId":)"[^"]+"/, '$1"made up by EKS"')}`,
      ];
    },
  };
};
