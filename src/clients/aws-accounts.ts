import type { NodeHttpHandler } from '@smithy/node-http-handler';
import { RoleliftError } from '../model/error.js';
import { textAt } from '../model/json.js';
import type { AwsWriter } from '../model/ports.js';
import { AwsClient, type AwsClientOptions } from './aws.js';

export interface AccountOptions {
  /** `--profile`: for the cluster's own account; the SDK's default chain where absent. */
  readonly profile?: string | undefined;
  /** `--account-profile ACCOUNT=PROFILE`. */
  readonly accountProfiles: Readonly<Record<string, string>>;
  /** `--account-role ACCOUNT=ARN`: assumed with the default credentials. */
  readonly accountRoles: Readonly<Record<string, string>>;
}

type Shared = Omit<AwsClientOptions, 'account' | 'credentials'> & {
  /** Milliseconds by the servers' clocks; null before one was seen. */
  readonly serverTime: () => number | null;
};

export interface Caller {
  readonly account: string;
  readonly arn: string;
}

/** Clients by account. The default credentials serve their own account only; others are named by the user (RL705 otherwise). */
export class AwsAccounts {
  readonly #options: AccountOptions;
  readonly #shared: Shared;
  readonly #clients = new Map<string, AwsWriter>();
  readonly #home: AwsClient;
  readonly #credentials: AwsClientOptions['credentials'];
  #caller: Promise<Caller> | null = null;
  #known: Caller | null = null;

  constructor(options: AccountOptions, shared: Shared, home: AwsClientOptions['credentials']) {
    this.#options = options;
    this.#shared = shared;
    this.#credentials = home;
    this.#home = new AwsClient({ ...shared, account: 'default', credentials: home });
  }

  /** Whose credentials the default ones are: STS GetCallerIdentity, asked once. */
  caller(): Promise<Caller> {
    if (this.#caller === null) {
      this.#caller = this.#home.call('sts', 'GetCallerIdentity', {}).then((answer) => {
        this.#known = { account: textAt(answer, 'Account') ?? '', arn: textAt(answer, 'Arn') ?? '' };
        return this.#known;
      });
      this.#caller.catch(() => {
        this.#caller = null;
      });
    }
    return this.#caller;
  }

  /** How an account is reached: `default`, `profile:NAME`, `role:ARN` or `none`. */
  credentialsFor(account: string): string {
    if (this.#options.accountProfiles[account] !== undefined)
      return `profile:${this.#options.accountProfiles[account]}`;
    if (this.#options.accountRoles[account] !== undefined) return `role:${this.#options.accountRoles[account]}`;
    return this.#known?.account === account ? 'default' : 'none';
  }

  /** The empty account means the default credentials, whosever they are. */
  for(account: string): AwsWriter {
    if (account === '') return this.#home;
    const found = this.#clients.get(account);
    if (found !== undefined) return found;
    const client = this.#make(account);
    this.#clients.set(account, client);
    return client;
  }

  #make(account: string): AwsWriter {
    const profile = this.#options.accountProfiles[account];
    const role = this.#options.accountRoles[account];
    if (profile !== undefined) {
      return this.#checked(account, async () => {
        const { fromIni } = await import('@aws-sdk/credential-providers');
        return fromIni({ profile })();
      });
    }
    if (role !== undefined) {
      return this.#checked(account, async () => {
        const { fromTemporaryCredentials } = await import('@aws-sdk/credential-providers');
        return fromTemporaryCredentials({
          params: { RoleArn: role, RoleSessionName: 'rolelift-account' },
          // Without these the SDK would assume the role with its own default chain and go past the proxy.
          ...(this.#credentials === undefined ? {} : { masterCredentials: this.#credentials }),
          clientConfig: {
            region: this.#shared.region,
            ...(this.#shared.requestHandler === undefined
              ? {}
              : { requestHandler: this.#shared.requestHandler as NodeHttpHandler }),
          },
        })();
      });
    }
    return new HomeAccount(account, this.#home, () => this.caller());
  }

  #checked(account: string, credentials: NonNullable<AwsClientOptions['credentials']>): AwsWriter {
    let kept: { readonly value: Awaited<ReturnType<typeof credentials>>; readonly until: number } | null = null;
    const client = new AwsClient({
      ...this.#shared,
      account,
      credentials: async () => {
        const { clock, serverTime } = this.#shared;
        if (kept === null || kept.until < clock.monotonic() + 60_000) {
          const value = await credentials();
          if (value.expiration === undefined) kept = { value, until: Number.POSITIVE_INFINITY };
          else {
            // Their end is a server's time: a machine whose clock is wrong would renew them for each call, or never. The SDK keeps them
            // by its own clock.
            const lasts = value.expiration.getTime() - (serverTime() ?? clock.now());
            const expiration = new Date(clock.now() + lasts);
            kept = { value: { ...value, expiration }, until: clock.monotonic() + lasts };
          }
        }
        return kept.value;
      },
    });
    return new HomeAccount(account, client, async () => {
      const answer = await client.call('sts', 'GetCallerIdentity', {});
      return { account: textAt(answer, 'Account') ?? '', arn: textAt(answer, 'Arn') ?? '' };
    });
  }
}

/** A client that first makes sure that its credentials belong to the account they are used for. */
class HomeAccount implements AwsWriter {
  readonly writes = true;
  readonly account: string;
  readonly region: string;
  readonly #client: AwsClient;
  readonly #whose: () => Promise<Caller>;
  #checked: Promise<void> | null = null;
  constructor(account: string, client: AwsClient, whose: () => Promise<Caller>) {
    this.account = account;
    this.region = client.region;
    this.#client = client;
    this.#whose = whose;
  }

  async call(...[service, operation, input, options]: Parameters<AwsWriter['call']>): ReturnType<AwsWriter['call']> {
    if (this.#checked === null) {
      this.#checked = this.#whose().then((caller) => {
        if (caller.account !== this.account) throw noCredentials(this.account, caller);
      });
      this.#checked.catch(() => {
        this.#checked = null;
      });
    }
    await this.#checked;
    return this.#client.call(service, operation, input, options);
  }
}

const noCredentials = (account: string, caller: Caller): RoleliftError =>
  new RoleliftError({
    code: 'RL705',
    message: `no credentials for account ${account}`,
    subject: { kind: 'Account', name: account },
    cause: `the credentials at hand belong to account ${caller.account} (${caller.arn})`,
    remedy: `Give --account-profile ${account}=PROFILE or --account-role ${account}=ROLE-ARN.`,
    fault: 'user',
  });
