import { DescribeAddonCommand, paginateListPodIdentityAssociations } from '@aws-sdk/client-eks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { folder } from '../helpers/cli.js';
import { Estate } from './estate.js';
import { ends, moveOf, planFor } from './program.js';
import { control, eks, kube, testbed, until } from './real.js';

/** Needs an EKS that knows Pod Identity and a webhook that obeys it. */
describe.skipIf(!testbed)('from IRSA to Pod Identity and back, on real servers', () => {
  let estate: Estate;
  let issuer: string;
  beforeAll(async () => {
    estate = await Estate.begin();
    issuer = (await kube('GET', '/.well-known/openid-configuration')).body.issuer;
  });
  afterEach(async () => {
    await control('POST', 'settings', { associationLagMs: 0 });
  });
  afterAll(async () => {
    await estate?.end();
  });

  const associations = async (namespace: string): Promise<readonly string[]> => {
    const found: string[] = [];
    for await (const page of paginateListPodIdentityAssociations(
      { client: eks },
      { clusterName: estate.cluster, namespace },
    ))
      found.push(...(page.associations ?? []).map((each) => `${each.namespace}/${each.serviceAccount}`));
    return found;
  };
  const credentials = (namespace: string, app: string) =>
    estate
      .pods(namespace, app)
      .then((pods) => [
        ...new Set(
          pods.map((pod) =>
            pod.env.AWS_CONTAINER_CREDENTIALS_FULL_URI !== undefined
              ? 'pod-identity'
              : (pod.env.AWS_ROLE_ARN ?? 'none'),
          ),
        ),
      ]);

  it('installs the agent, waits for associations that take time, and gives IRSA back', async () => {
    const cwd = folder();
    const host = issuer.replace('https://', '');
    const apps = await estate.namespace('apps');
    const trust = {
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'Mine',
          Effect: 'Allow',
          Principal: { Federated: `arn:aws:iam::${estate.account}:oidc-provider/${host}` },
          Action: 'sts:AssumeRoleWithWebIdentity',
          Condition: {
            StringEquals: {
              [`${host}:aud`]: 'sts.amazonaws.com',
              [`${host}:sub`]: `system:serviceaccount:${apps}:app`,
            },
          },
        },
      ],
    };
    const role = await estate.role('app', trust, {
      inline: { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' },
    });
    await estate.serviceAccount(apps, 'app', { 'eks.amazonaws.com/role-arn': role });
    await estate.workload('Deployment', apps, 'app', { account: 'app', replicas: 3 });
    await estate.ready();
    expect(await credentials(apps, 'app')).toEqual([role]);
    const before = await estate.picture();

    const plan = await planFor(estate, cwd, [
      '--from',
      'irsa',
      '--target',
      'pod-identity',
      '--accept',
      `RL217:${apps}/app`,
    ]);
    expect(moveOf(plan, 'app'), JSON.stringify(moveOf(plan, 'app'))).toMatchObject({
      blocked: false,
      from: { broker: 'irsa', role },
      to: { mechanism: 'pod-identity', role },
    });
    await control('POST', 'settings', { associationLagMs: 2_500 });
    await ends(0, ['apply', 'plan', '--yes'], cwd);
    expect(
      (await eks.send(new DescribeAddonCommand({ clusterName: estate.cluster, addonName: 'eks-pod-identity-agent' })))
        .addon?.status,
    ).toBe('ACTIVE');
    expect(await associations(apps)).toEqual([`${apps}/app`]);
    expect(await credentials(apps, 'app')).toEqual(['pod-identity']);
    const statements = (await estate.trust(role)).Statement;
    expect(statements[0]).toEqual(trust.Statement[0]);
    expect(statements[1].Principal).toEqual({ Service: 'pods.eks.amazonaws.com' });
    // The agent itself gives credentials to a pod's own token.
    await until('pods use them', async () => {
      const calls = (await control('GET', 'calls?pods=1')).calls;
      return calls.some(
        (call: any) =>
          call.pod?.startsWith(`${apps}/`) &&
          /credentials|AssumeRoleForPodIdentity/i.test(call.action) &&
          call.status === 200,
      );
    });

    await ends(0, ['rollback', 'plan', '--yes'], cwd);
    await estate.ready();
    expect(await associations(apps)).toEqual([]);
    expect(await credentials(apps, 'app')).toEqual([role]);
    expect(await estate.picture()).toEqual(before);
    // The rollback takes the agent away as well: nobody else needs it.
    expect((await kube('GET', '/apis/apps/v1/namespaces/kube-system/daemonsets/eks-pod-identity-agent')).status).toBe(
      404,
    );
  });
});
