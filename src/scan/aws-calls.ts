import { RoleliftError } from '../model/error.js';
import { type Json, type JsonObject, listAt, textAt } from '../model/json.js';
import type { AwsReader, AwsService, ReadClients } from '../model/ports.js';
import { codeOf, type Gaps, isAbsent } from './gaps.js';

/** Reads in one account that never throw: what is refused becomes a gap and gives null. */
export interface SafeAws {
  readonly account: string;
  readonly region: string;
  /** Null where it is not there (NoSuchEntity, ResourceNotFound) or could not be read; `absent` tells which. */
  ask(service: AwsService, operation: string, input: JsonObject, about: About): Promise<Answer>;
  /** All pages; null where any of them could not be read. */
  all(
    service: AwsService,
    operation: string,
    input: JsonObject,
    field: string,
    about: About,
  ): Promise<readonly Json[] | null>;
}
export type Answer =
  | { readonly is: 'value'; readonly value: JsonObject }
  | { readonly is: 'absent' }
  | { readonly is: 'refused' };
export interface About {
  readonly area?: string;
  readonly hides?: readonly string[];
  readonly region?: string;
  /** Errors by name that mean "there is none of these here". */
  readonly none?: readonly string[];
}

/** No listing of a sane account has more pages. */
const mostPages = 5000;

/** `region`: the cluster's, where it is not the client's own. */
export const safeAws = (reader: AwsReader, gaps: Gaps, region: string = reader.region): SafeAws => {
  const elsewhere = region === reader.region ? undefined : region;
  const areaOf = (service: AwsService, operation: string, about: About): string =>
    about.area ?? `${service}:${reader.account}${about.region === undefined ? '' : `:${about.region}`}:${operation}`;
  const ask: SafeAws['ask'] = async (service, operation, input, about) => {
    try {
      const value = await reader.call(service, operation, input, regionOf(about.region ?? elsewhere));
      return { is: 'value', value };
    } catch (thrown) {
      if (isAbsent(thrown)) return { is: 'absent' };
      const name = (thrown as { errorName?: unknown } | null)?.errorName;
      if (typeof name === 'string' && about.none?.includes(name.replace(/Exception$/, '')) === true)
        return { is: 'absent' };
      gaps.failed(areaOf(service, operation, about), thrown, about.hides ?? []);
      return { is: 'refused' };
    }
  };
  return {
    account: reader.account,
    region,
    ask,
    all: async (service, operation, input, field, about) => {
      const found: Json[] = [];
      const key = service === 'iam' ? 'Marker' : service === 'eks' ? 'nextToken' : 'NextToken';
      let token: string | undefined;
      for (let page = 0; page < mostPages; page += 1) {
        const answer = await ask(service, operation, token === undefined ? input : { ...input, [key]: token }, about);
        if (answer.is === 'absent') return found;
        if (answer.is === 'refused') return null;
        found.push(...listAt(answer.value, field));
        const next = textAt(answer.value, service === 'iam' ? 'Marker' : key);
        if (next === undefined || next === '' || next === token) return found;
        if (service === 'iam' && answer.value['IsTruncated'] !== true) return found;
        token = next;
      }
      return found;
    },
  };
};

const regionOf = (region: string | undefined): { readonly region: string } | undefined =>
  region === undefined ? undefined : { region };

/** The account's reader, or null (and a gap) where no credentials are configured for it. Empty text: the default credentials. */
export const accountReader = async (
  clients: ReadClients,
  account: string,
  gaps: Gaps,
  hides: readonly string[],
): Promise<{ readonly reader: AwsReader; readonly account: string; readonly arn: string } | null> => {
  try {
    const reader = await clients.aws(account);
    const who = await reader.call('sts', 'GetCallerIdentity', {});
    const found = textAt(who, 'Account') ?? reader.account;
    if (account !== '' && found !== account)
      throw new RoleliftError({
        code: 'RL705',
        message: `the credentials for account ${account} belong to account ${found}`,
        remedy: 'Name the right profile or role with --account-profile or --account-role.',
        fault: 'user',
      });
    // The empty account's client answers for whomever; from here on the account is known by its number.
    return { reader: account === '' ? clients.aws(found) : reader, account: found, arn: textAt(who, 'Arn') ?? '' };
  } catch (thrown) {
    const area = account === '' ? 'aws' : `aws:${account}`;
    gaps.failed(area, thrown, [
      ...hides,
      ...(codeOf(thrown) === 'RL705' && account !== '' ? [`everything in account ${account}`] : []),
    ]);
    return null;
  }
};
