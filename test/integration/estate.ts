import { randomBytes } from 'node:crypto';
import { DeletePodIdentityAssociationCommand, paginateListPodIdentityAssociations } from '@aws-sdk/client-eks';
import {
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  GetRoleCommand,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { DeleteObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { expect } from 'vitest';
import { clusterName, eks, everything, iam, kube, s3, stateBucket, sts, sure, until } from './real.js';

/** A made-up estate on real servers: everything has the estate's own id in its name and goes with it. */

const plural: Readonly<Record<string, string>> = {
  Namespace: 'namespaces',
  ServiceAccount: 'serviceaccounts',
  ConfigMap: 'configmaps',
  Pod: 'pods',
  Secret: 'secrets',
  Deployment: 'deployments',
  StatefulSet: 'statefulsets',
  DaemonSet: 'daemonsets',
  CronJob: 'cronjobs',
  Job: 'jobs',
  Role: 'roles',
  RoleBinding: 'rolebindings',
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  Lease: 'leases',
};
export const pathOf = (apiVersion: string, kind: string, namespace?: string, name?: string): string =>
  `${apiVersion.includes('/') ? '/apis' : '/api'}/${apiVersion}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${plural[kind]}${name === undefined ? '' : `/${name}`}`;

export interface Variables {
  readonly pod: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
}

export class Estate {
  readonly id = `rl${randomBytes(3).toString('hex')}`;
  account = '';
  cluster = '';
  #before: readonly string[] = [];
  readonly #namespaces: string[] = [];
  readonly #roles: string[] = [];
  readonly #paths: string[] = [];
  readonly #inline: { readonly role: string; readonly name: string }[] = [];

  static async begin(): Promise<Estate> {
    const estate = new Estate();
    estate.#before = await everything();
    estate.account = (await sts.send(new GetCallerIdentityCommand({}))).Account as string;
    estate.cluster = await clusterName();
    return estate;
  }

  arn(role: string, path = '/'): string {
    return `arn:aws:iam::${this.account}:role${path}${role}`;
  }

  async namespace(suffix: string, annotations: Readonly<Record<string, string>> = {}): Promise<string> {
    const name = `${this.id}-${suffix}`;
    await sure('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, annotations } });
    this.#namespaces.push(name);
    await until(
      `default account of ${name}`,
      async () => (await kube('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`)).status === 200,
    );
    return name;
  }

  /** Creates any object; a namespaced one goes with its namespace. */
  async create(object: any): Promise<any> {
    const { namespace, name } = object.metadata;
    const made = await sure('POST', pathOf(object.apiVersion, object.kind, namespace), object);
    if (namespace === undefined || !this.#namespaces.includes(namespace))
      this.#paths.push(pathOf(object.apiVersion, object.kind, namespace, name));
    return made;
  }

  serviceAccount(namespace: string, name: string, annotations: Readonly<Record<string, string>> = {}): Promise<any> {
    return this.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name, annotations } });
  }

  /** A workload with one container and one label. */
  workload(
    kind: 'Deployment' | 'StatefulSet' | 'DaemonSet',
    namespace: string,
    name: string,
    more: {
      readonly account?: string;
      readonly annotations?: Readonly<Record<string, string>>;
      readonly replicas?: number;
      readonly pod?: object;
      readonly container?: object;
      readonly metadata?: object;
    } = {},
  ): Promise<any> {
    const labels = { app: name };
    return this.create({
      apiVersion: 'apps/v1',
      kind,
      metadata: { namespace, name, ...more.metadata },
      spec: {
        ...(kind === 'DaemonSet' ? {} : { replicas: more.replicas ?? 2 }),
        ...(kind === 'Deployment' ? { progressDeadlineSeconds: 6 } : {}),
        ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
        selector: { matchLabels: labels },
        template: {
          metadata: { labels, annotations: more.annotations ?? {} },
          spec: {
            ...(more.account === undefined ? {} : { serviceAccountName: more.account }),
            containers: [{ name: 'main', image: 'ghcr.io/acme/app:1.4.2', ...more.container }],
            ...more.pod,
          },
        },
      },
    });
  }

  /** A role that those principals may assume, and what it may do. */
  async role(
    suffix: string,
    trusted: readonly string[] | object,
    options: { readonly path?: string; readonly inline?: object } = {},
  ): Promise<string> {
    const name = `${this.id}-${suffix}`;
    const document = Array.isArray(trusted)
      ? {
          Version: '2012-10-17',
          Statement: [{ Effect: 'Allow', Principal: { AWS: trusted }, Action: 'sts:AssumeRole' }],
        }
      : trusted;
    await iam.send(
      new CreateRoleCommand({
        RoleName: name,
        Path: options.path ?? '/',
        AssumeRolePolicyDocument: JSON.stringify(document),
      }),
    );
    this.#roles.push(name);
    if (options.inline !== undefined) await this.inline(name, 'app', options.inline);
    return this.arn(name, options.path);
  }

  async inline(role: string, name: string, statement: object): Promise<void> {
    await iam.send(
      new PutRolePolicyCommand({
        RoleName: role,
        PolicyName: name,
        PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }),
      }),
    );
    if (!this.#roles.includes(role)) this.#inline.push({ role, name });
  }

  nodeRole(): string {
    return this.arn('testbed-node');
  }

  /** kiam 4 on every node, as its own manifests have it. Answers the role of its server, which workload roles have to trust. */
  async kiam(): Promise<string> {
    const server = await this.role('kiam-server', [this.nodeRole()], {
      inline: { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' },
    });
    await this.inline('testbed-node', `${this.id}-kiam`, {
      Effect: 'Allow',
      Action: 'sts:AssumeRole',
      Resource: server,
    });
    const namespace = await this.namespace('kiam');
    await this.serviceAccount(namespace, 'kiam-server');
    const container = (args: readonly string[]) => ({ image: 'quay.io/uswitch/kiam:v4.2', command: ['/kiam'], args });
    await this.workload('DaemonSet', namespace, 'kiam-server', {
      account: 'kiam-server',
      container: container([
        'server',
        '--json-log',
        '--bind=0.0.0.0:443',
        `--role-base-arn=arn:aws:iam::${this.account}:role/`,
        `--assume-role-arn=${server}`,
      ]),
      pod: { hostNetwork: true },
    });
    await this.workload('DaemonSet', namespace, 'kiam-agent', {
      container: container([
        'agent',
        '--iptables',
        '--host-interface=!eth0',
        '--port=8181',
        '--server-address=kiam-server:443',
      ]),
      pod: { hostNetwork: true },
    });
    return server;
  }

  /** Live pods of a workload made by `workload`, with what the webhook gave them. */
  async pods(namespace: string, app: string): Promise<readonly Variables[]> {
    const { items } = await sure('GET', `/api/v1/namespaces/${namespace}/pods?labelSelector=app%3D${app}`);
    return items
      .filter((pod: any) => pod.metadata.deletionTimestamp === undefined && pod.status.phase === 'Running')
      .map((pod: any) => ({
        pod: pod.metadata.name,
        labels: pod.metadata.labels,
        env: Object.fromEntries((pod.spec.containers[0].env ?? []).map((each: any) => [each.name, each.value])),
        volumes: (pod.spec.volumes ?? []).map((volume: any) => volume.name),
      }));
  }

  /** The role that each live pod's own variables name; null for none. */
  async rolesOf(namespace: string, app: string): Promise<readonly (string | null)[]> {
    return [...new Set((await this.pods(namespace, app)).map((pod) => pod.env.AWS_ROLE_ARN ?? null))];
  }

  object(apiVersion: string, kind: string, namespace: string, name: string): Promise<any> {
    return sure('GET', pathOf(apiVersion, kind, namespace, name));
  }

  async trust(role: string): Promise<any> {
    const name = role.slice(role.lastIndexOf('/') + 1);
    const answer = await iam.send(new GetRoleCommand({ RoleName: name }));
    return JSON.parse(decodeURIComponent(answer.Role?.AssumeRolePolicyDocument ?? ''));
  }
  async setTrust(role: string, document: object): Promise<void> {
    await iam.send(
      new UpdateAssumeRolePolicyCommand({
        RoleName: role.slice(role.lastIndexOf('/') + 1),
        PolicyDocument: JSON.stringify(document),
      }),
    );
  }

  /** Whether STS gives that role to a token of that account: the identity itself, past everything that the program says of it. */
  async exchange(namespace: string, account: string, role: string): Promise<boolean> {
    const { status } = await sure('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: ['sts.amazonaws.com'], expirationSeconds: 600 },
    });
    return sts
      .send(
        new AssumeRoleWithWebIdentityCommand({
          RoleArn: role,
          RoleSessionName: 'story',
          WebIdentityToken: status.token,
        }),
      )
      .then(
        () => true,
        (thrown: Error) => {
          if (thrown.name === 'AccessDenied') return false;
          throw thrown;
        },
      );
  }

  /** Waits until every workload of the estate (or of those namespaces) has all its pods ready. */
  async ready(among: readonly string[] = this.#namespaces): Promise<void> {
    for (const namespace of among) {
      await until(`workloads of ${namespace}`, async () => {
        const lists = await Promise.all(
          ['deployments', 'statefulsets', 'daemonsets'].map((kind) =>
            sure('GET', `/apis/apps/v1/namespaces/${namespace}/${kind}`),
          ),
        );
        return lists
          .flatMap((list) => list.items)
          .every((item: any) => {
            const wanted = item.spec.replicas ?? item.status.desiredNumberScheduled ?? -1;
            const ready = item.status.readyReplicas ?? item.status.numberReady ?? 0;
            return item.status.observedGeneration === item.metadata.generation && wanted === ready;
          });
      });
    }
  }

  /**
   * Everything of the estate (or of the namespaces and roles of such names) that a rollback has to bring back, without what servers
   * count by themselves.
   */
  async picture(among: (name: string) => boolean = () => true): Promise<readonly string[]> {
    const lines: string[] = [];
    for (const namespace of this.#namespaces.filter(among)) {
      for (const path of [
        '/api/v1/X/serviceaccounts',
        '/apis/apps/v1/X/deployments',
        '/apis/apps/v1/X/statefulsets',
        '/apis/apps/v1/X/daemonsets',
        '/apis/batch/v1/X/cronjobs',
        '/apis/rbac.authorization.k8s.io/v1/X/rolebindings',
      ]) {
        const { items } = await sure('GET', path.replace('X', `namespaces/${namespace}`));
        for (const item of items)
          lines.push(
            `${path} ${namespace}/${item.metadata.name} ${JSON.stringify([named(item.metadata.annotations), item.metadata.labels ?? {}, spec(item), item.subjects ?? null])}`,
          );
      }
      for (const app of new Set(
        (await sure('GET', `/api/v1/namespaces/${namespace}/pods`)).items.map((pod: any) => pod.metadata.labels?.app),
      ))
        lines.push(
          `pods ${namespace}/${app} ${JSON.stringify([...new Set((await this.pods(namespace, app as string)).map((pod) => JSON.stringify([pod.env, pod.volumes.filter((name) => !/-token-|kube-api-access/.test(name))])))])}`,
        );
    }
    for (const role of this.#roles.filter(among)) lines.push(`trust ${role} ${JSON.stringify(await this.trust(role))}`);
    return lines.sort();
  }

  /** Takes everything away again and holds the servers to having exactly what they had before. */
  async end(): Promise<void> {
    await Promise.all(
      this.#namespaces.map((name) => kube('DELETE', `/api/v1/namespaces/${name}`, { gracePeriodSeconds: 0 })),
    );
    for (const path of this.#paths) await kube('DELETE', path);
    for await (const page of paginateListPodIdentityAssociations({ client: eks }, { clusterName: this.cluster }))
      for (const each of page.associations ?? [])
        if (each.namespace?.startsWith(this.id))
          await eks.send(
            new DeletePodIdentityAssociationCommand({ clusterName: this.cluster, associationId: each.associationId }),
          );
    for (const { role, name } of this.#inline)
      await iam.send(new DeleteRolePolicyCommand({ RoleName: role, PolicyName: name }));
    for (const name of this.#roles) {
      for (const policy of (await iam.send(new ListRolePoliciesCommand({ RoleName: name }))).PolicyNames ?? [])
        await iam.send(new DeleteRolePolicyCommand({ RoleName: name, PolicyName: policy }));
      for (const policy of (await iam.send(new ListAttachedRolePoliciesCommand({ RoleName: name }))).AttachedPolicies ??
        [])
        await iam.send(new DetachRolePolicyCommand({ RoleName: name, PolicyArn: policy.PolicyArn }));
      await iam.send(new DeleteRoleCommand({ RoleName: name }));
    }
    const objects = await s3
      .send(new ListObjectsV2Command({ Bucket: stateBucket, Prefix: `${this.id}/` }))
      .catch(() => ({ Contents: [] }));
    for (const object of objects.Contents ?? [])
      await s3.send(new DeleteObjectCommand({ Bucket: stateBucket, Key: object.Key }));
    // The list of runs and the lease belong to the cluster, not to one run: the program leaves them, a guest takes them along.
    for (const path of [
      '/api/v1/namespaces/kube-system/configmaps/rolelift-runs',
      '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/rolelift',
    ])
      if (!this.#before.includes(path.replace(/\/([^/]+)$/, ' kube-system/$1'))) await kube('DELETE', path);
    await until(
      'namespaces gone',
      async () =>
        (await Promise.all(this.#namespaces.map((name) => kube('GET', `/api/v1/namespaces/${name}`)))).every(
          (answer) => answer.status === 404,
        ),
      60_000,
    );
    const left = await everything();
    expect(
      left.filter((name) => !this.#before.includes(name)),
      'left behind',
    ).toEqual([]);
    expect(
      this.#before.filter((name) => !left.includes(name)),
      'taken from others',
    ).toEqual([]);
  }
}

/** Annotations of users; those that controllers write by themselves say nothing of what was restored. */
const named = (annotations: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(annotations)
      .filter(([key]) => !/^(deployment\.kubernetes\.io|deprecated\.daemonset)/.test(key))
      .sort(),
  );

/** The spec without the marks of restarts, which are told by their keys and stay by design. */
const spec = (item: any): any => {
  const copy = structuredClone(item.spec ?? null);
  const template = copy?.template ?? copy?.jobTemplate?.spec?.template;
  if (template?.metadata?.annotations) {
    for (const key of Object.keys(template.metadata.annotations))
      if (/restart/i.test(key)) delete template.metadata.annotations[key];
    if (Object.keys(template.metadata.annotations).length === 0) delete template.metadata.annotations;
  }
  return copy;
};
