import { type JsonObject, textAt } from '../../src/model/json.js';
import { checkScenario, loadScenario, type Scenario } from '../../src/sandbox/scenario.js';

const account = '111122223333';
const trust = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:role/kiam-server` }, Action: 'sts:AssumeRole' },
  ],
};

const accountObject = (namespace: string, name: string): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name, namespace },
});
const workload = (
  kind: string,
  namespace: string,
  name: string,
  serviceAccount: string,
  role: string | null,
): JsonObject => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, namespace },
  spec: {
    ...(kind === 'DaemonSet' ? {} : { replicas: 2 }),
    ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
    selector: { matchLabels: { app: name } },
    template: {
      metadata: {
        labels: { app: name },
        ...(role === null ? {} : { annotations: { 'iam.amazonaws.com/role': role } }),
      },
      spec: { serviceAccountName: serviceAccount, containers: [{ name: 'main', image: 'example.com/app:1' }] },
    },
  },
});

/** What an estate holds beside its many alike moves. */
export interface Extra {
  readonly roles?: readonly object[];
  readonly objects?: readonly JsonObject[];
}

/** The trust policy of a role that kiam's server may assume. */
export const kiamTrust = trust;
export { accountObject, workload };

/**
 * An estate with kiam and so many moves: mostly one namespace, account, Deployment and role each; some are StatefulSets, some share a role,
 * some share an account that has to be split.
 */
export const manyMoves = async (moves: number, extra: Extra = {}): Promise<Scenario> => {
  const base = await loadScenario('demo');
  const objects: JsonObject[] = (base.kubernetes as JsonObject[]).filter(
    (each) => (textAt(each, 'metadata', 'namespace') ?? textAt(each, 'metadata', 'name')) === 'kube-system',
  );
  const roles: object[] = [];
  const role = (name: string): string => {
    roles.push({
      name,
      trust,
      inline: {
        app: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }] },
      },
    });
    return name;
  };
  let shared = '';
  for (let number = 0, made = 0; made < moves; number += 1) {
    const namespace = `team-${String(number).padStart(3, '0')}`;
    objects.push({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, annotations: { 'iam.amazonaws.com/permitted': '.*' } },
    });
    const kind = number % 5 === 4 ? 'StatefulSet' : 'Deployment';
    if (number % 10 === 7 && made + 2 <= moves) {
      // One account, two roles: it is split.
      objects.push(accountObject(namespace, 'app'));
      for (const name of ['reader', 'writer'])
        objects.push(workload(kind, namespace, name, 'app', role(`${namespace}-${name}`)));
      made += 2;
      continue;
    }
    objects.push(accountObject(namespace, 'app'));
    const own = number % 10 === 3 && shared !== '' ? shared : role(`${namespace}-app`);
    if (number % 10 === 2) shared = own;
    objects.push(workload(kind, namespace, 'app', 'app', own));
    made += 1;
  }
  const whole = base.accounts[account] as { roles: { name: string }[] };
  const infra = new Set(['demo-system-node', 'demo-worker-node', 'kiam-server']);
  return checkScenario(
    {
      ...base,
      title: `${moves} moves`,
      accounts: {
        [account]: {
          ...whole,
          roles: [...whole.roles.filter(({ name }) => infra.has(name)), ...roles, ...(extra.roles ?? [])],
        },
      },
      kubernetes: [...objects, ...(extra.objects ?? [])],
    },
    'many moves',
  );
};
