import {
  CreateRoleCommand,
  DeleteOpenIDConnectProviderCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  GetRoleCommand,
  IAMClient,
  ListOpenIDConnectProvidersCommand,
  ListRolePoliciesCommand,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import type { Estate } from './estate.js';
import { testbed } from './real.js';

/** Another account. */
export const away = '999988887777';

/** IAM of the other account, as its owner reaches it on the testbed. */
const farIam = new IAMClient({
  region: process.env.AWS_REGION ?? 'eu-west-1',
  endpoint: process.env.AWS_ENDPOINT_URL ?? 'http://127.0.0.1:1',
  credentials: { accessKeyId: 'testbed', secretAccessKey: 'testbed' },
});
farIam.middlewareStack.add(
  (next) => (args) => {
    (args.request as { headers: Record<string, string> }).headers['x-moto-account-id'] = away;
    return next(args);
  },
  { step: 'build', name: 'account' },
);

/** The trust policy of a role of the other account. */
export const farTrust = async (role: string): Promise<any> =>
  JSON.parse(
    decodeURIComponent(
      (await farIam.send(new GetRoleCommand({ RoleName: role }))).Role?.AssumeRolePolicyDocument ?? '',
    ),
  );
export const farProviders = async (): Promise<readonly string[]> =>
  ((await farIam.send(new ListOpenIDConnectProvidersCommand({}))).OpenIDConnectProviderList ?? []).map(
    (each) => each.Arn ?? '',
  );

/** Roles of the other account that an estate's workloads have, and the one by which they are changed. */
export class Away {
  readonly #estate: Estate;
  readonly #made: string[] = [];

  constructor(estate: Estate) {
    this.#estate = estate;
  }

  async role(suffix: string, principal: string, inline?: object): Promise<string> {
    const name = `${this.#estate.id}-${suffix}`;
    await farIam.send(
      new CreateRoleCommand({
        RoleName: name,
        AssumeRolePolicyDocument: JSON.stringify({
          Version: '2012-10-17',
          Statement: [{ Effect: 'Allow', Principal: { AWS: principal }, Action: 'sts:AssumeRole' }],
        }),
      }),
    );
    this.#made.push(name);
    if (inline !== undefined)
      await farIam.send(
        new PutRolePolicyCommand({
          RoleName: name,
          PolicyName: 'app',
          PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [inline] }),
        }),
      );
    return `arn:aws:iam::${away}:role/${name}`;
  }

  /** A role that kiam's server may assume; answers its ARN. */
  async appRole(suffix: string, kiam: string): Promise<string> {
    // The testbed looks a role up in its first account before it takes a trust policy for it in any other.
    await this.#estate.role(suffix, [kiam]);
    return this.role(suffix, kiam, { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' });
  }
  /** The role by which the program changes the other account (`--account-role`). */
  migrator(suffix: string): Promise<string> {
    const may = { Effect: 'Allow', Action: 'iam:*', Resource: '*' };
    return this.role(suffix, `arn:aws:iam::${this.#estate.account}:root`, may);
  }

  /** Takes everything in the other account away again. */
  async end(): Promise<void> {
    for (const RoleName of this.#made) {
      for (const PolicyName of (await farIam.send(new ListRolePoliciesCommand({ RoleName }))).PolicyNames ?? [])
        await farIam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName }));
      await farIam.send(new DeleteRoleCommand({ RoleName }));
    }
    for (const OpenIDConnectProviderArn of testbed ? await farProviders() : [])
      await farIam.send(new DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn }));
  }
}
