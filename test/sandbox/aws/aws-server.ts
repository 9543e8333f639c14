import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CloudTrailClient } from '@aws-sdk/client-cloudtrail';
import { EC2Client } from '@aws-sdk/client-ec2';
import { EKSClient } from '@aws-sdk/client-eks';
import { IAMClient } from '@aws-sdk/client-iam';
import { S3Client } from '@aws-sdk/client-s3';
import { STSClient } from '@aws-sdk/client-sts';
import type { JsonObject } from '../../../src/model/json.js';
import type { World } from '../../../src/sandbox/aws/account.js';
import { Aws, addressed } from '../../../src/sandbox/aws/service.js';
import type { ClusterView, TokenClaims } from '../../../src/sandbox/contract.js';
import { worldOf } from '../../../src/sandbox/found-estate.js';
import { checkScenario, type ScenarioInput } from '../../../src/sandbox/scenario.js';

export const account = '111122223333';
export const issuer = 'https://oidc.eks.eu-west-1.amazonaws.com/id/ABCDEF0123456789';
export const kiamTrust = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:role/kiam-server` }, Action: 'sts:AssumeRole' },
  ],
};
export const ec2Trust = {
  Version: '2012-10-17',
  Statement: { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
};

/** A cluster that is only a name, an issuer and tokens of the form `token:<namespace>:<account>:<audience>`. */
class FakeCluster implements ClusterView {
  readonly issuer = issuer;
  readonly objects = new Map<string, JsonObject>();
  readToken(token: string): TokenClaims | null {
    const [kind, namespace, serviceAccount, audience, pod] = token.split('|');
    if (kind !== 'token' || !namespace || !serviceAccount || !audience) return null;
    return {
      issuer,
      audiences: [audience],
      subject: `system:serviceaccount:${namespace}:${serviceAccount}`,
      namespace,
      serviceAccount,
      pod: pod ? { name: pod, uid: `uid-${pod}` } : null,
      expires: 4_000_000_000,
    };
  }
  get(apiVersion: string, kind: string, namespace: string | undefined, name: string): JsonObject | null {
    return this.objects.get(`${apiVersion}/${kind}/${namespace ?? ''}/${name}`) ?? null;
  }
  list(apiVersion: string, kind: string, namespace?: string): readonly JsonObject[] {
    const prefix = `${apiVersion}/${kind}/${namespace === undefined ? '' : `${namespace}/`}`;
    return [...this.objects].filter(([key]) => key.startsWith(prefix)).map(([, object]) => object);
  }
  put(object: JsonObject): void {
    const meta = object['metadata'] as { name: string; namespace?: string };
    this.objects.set(`${object['apiVersion']}/${object['kind']}/${meta.namespace ?? ''}/${meta.name}`, object);
  }
  remove(apiVersion: string, kind: string, namespace: string | undefined, name: string): void {
    this.objects.delete(`${apiVersion}/${kind}/${namespace ?? ''}/${name}`);
  }
}

export interface AwsServer {
  readonly world: World;
  readonly cluster: FakeCluster;
  readonly url: string;
  time: { now: number };
  userPolicy: string | null;
  clients(options?: { account?: string; region?: string; session?: { id: string; secret: string; token: string } }): {
    iam: IAMClient;
    sts: STSClient;
    eks: EKSClient;
    ec2: EC2Client;
    s3: S3Client;
    cloudtrail: CloudTrailClient;
  };
  close(): Promise<void>;
}

/** The simulated AWS of a scenario behind a real socket, for the real SDK clients. */
export const startAws = async (parts: Partial<ScenarioInput> = {}, settings = {}): Promise<AwsServer> => {
  const scenario = checkScenario(
    {
      cluster: { name: 'demo', account, issuer, ...(parts.cluster ?? {}) },
      accounts: parts.accounts ?? { [account]: { roles: [{ name: 'kiam-server', trust: ec2Trust }] } },
      ...(parts.nodes ? { nodes: parts.nodes } : {}),
    },
    'test',
  );
  const time = { now: Date.UTC(2026, 0, 1) };
  const world = worldOf(scenario, settings, () => time.now);
  const cluster = new FakeCluster();
  const state: { userPolicy: string | null } = { userPolicy: null };
  const aws = new Aws({
    world,
    defaultAccount: account,
    region: 'eu-west-1',
    regions: ['eu-west-1', 'us-east-1'],
    view: () => cluster,
    userPolicy: () => state.userPolicy,
  });
  const server = createServer((message, response) => {
    const pieces: Buffer[] = [];
    message.on('data', (piece: Buffer) => pieces.push(piece));
    message.on('end', () => {
      const request = {
        method: message.method as string,
        url: `http://127.0.0.1${message.url}`,
        headers: message.headers as Record<string, string>,
        body: Buffer.concat(pieces).toString(),
      };
      const call = addressed(request, 'eu-west-1');
      const answer = call === null ? { status: 404, headers: {}, body: '' } : aws.handle(request, call);
      response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    world,
    cluster,
    url,
    time,
    get userPolicy() {
      return state.userPolicy;
    },
    set userPolicy(text) {
      state.userPolicy = text;
    },
    clients: (options = {}) => {
      const config = {
        endpoint: url,
        region: options.region ?? 'eu-west-1',
        maxAttempts: 1,
        credentials:
          options.session === undefined
            ? { accessKeyId: `AKIA0000${options.account ?? account}`, secretAccessKey: 'x' }
            : {
                accessKeyId: options.session.id,
                secretAccessKey: options.session.secret,
                sessionToken: options.session.token,
              },
      };
      return {
        iam: new IAMClient(config),
        sts: new STSClient(config),
        eks: new EKSClient(config),
        ec2: new EC2Client(config),
        s3: new S3Client({ ...config, forcePathStyle: true }),
        cloudtrail: new CloudTrailClient(config),
      };
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
};
