import { createHash } from 'node:crypto';
import type { Account } from './aws/account.js';
import type { Scenario } from './scenario-schema.js';

/** What a scenario says of one account. */
export type AccountPart = Scenario['accounts'][string];

/** Ids that depend on nothing but what they are for. */
export const stableId = (prefix: string, seed: string, length: number): string =>
  prefix + createHash('sha256').update(seed).digest('hex').slice(0, length);

/** The ARN of a role that a scenario names, by the path that it gives it. */
export const roleArn = (account: Account, part: AccountPart, nameOrArn: string): string => {
  if (nameOrArn.startsWith('arn:')) return nameOrArn;
  const own = part.roles.find((role) => role.name === nameOrArn);
  return account.arn(`role${own?.path ?? '/'}${nameOrArn}`);
};
