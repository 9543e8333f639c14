import type { Account, World } from './account.js';
import { type Caller, demand } from './caller.js';
import { invalid, noSuchEntity } from './fault.js';
import type { RoleRecord, Texts } from './records.js';
import type { XmlValue } from './xml.js';

/** One call of a query API: who, where, with which parameters. */
export interface QueryCall {
  readonly world: World;
  readonly account: Account;
  readonly caller: Caller;
  readonly region: string;
  readonly params: ReadonlyMap<string, string>;
  /** How far behind its reads are, in milliseconds. */
  readonly lag: number;
  /** Policy of users (`authorise`); null lets them do everything. */
  readonly userPolicy: string | null;
}
export type QueryOperation = (call: QueryCall) => XmlValue;
export type QueryOperations = Readonly<Record<string, QueryOperation>>;

/** A parameter that must be there. */
export const need = (call: QueryCall, name: string): string => {
  const value = call.params.get(name);
  if (value === undefined || value === '')
    throw invalid(
      `1 validation error detected: Value null at '${name.charAt(0).toLowerCase()}${name.slice(1)}' failed to satisfy constraint: Member must not be null`,
    );
  return value;
};

/** Members of a list parameter, in order. */
export const members = (call: QueryCall, name: string): string[] => {
  const found: string[] = [];
  for (let index = 1; index <= 1000; index++) {
    const value = call.params.get(`${name}.member.${index}`);
    if (value === undefined) break;
    found.push(value);
  }
  return found;
};

export const tagsIn = (call: QueryCall): Texts => {
  const found: [string, string][] = [];
  for (let index = 1; index <= 51; index++) {
    const key = call.params.get(`Tags.member.${index}.Key`);
    if (key === undefined) break;
    found.push([key, call.params.get(`Tags.member.${index}.Value`) ?? '']);
  }
  return Object.fromEntries(found);
};

export const tagList = (tags: Texts): XmlValue => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
export const without = (tags: Texts, keys: readonly string[]): Texts =>
  Object.fromEntries(Object.entries(tags).filter(([key]) => !keys.includes(key)));

/** RFC 3986, as IAM sends documents. */
export const encodeDocument = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

export const isoTime = (at: number): string =>
  new Date(Math.floor(at / 1000) * 1000).toISOString().replace('.000Z', 'Z');

/** Demands that the caller may do this to that. */
export const may = (call: QueryCall, action: string, resource: string): void =>
  demand(call.world, call.caller, action, resource, call.userPolicy);

/** Making something with tags takes the right to tag it as well (Service Authorization Reference, dependent actions). */
export const mayTag = (call: QueryCall, action: string, resource: string): void => {
  if (call.params.has('Tags.member.1.Key')) may(call, action, resource);
};

/** The role by name, as a reader (late) or a writer (as it is) sees it. */
export const roleOf = (call: QueryCall, action: string, late: boolean): RoleRecord => {
  const name = need(call, 'RoleName');
  const role = call.account.roles.get(name.toLowerCase(), late ? call.lag : 0);
  may(call, action, role?.arn ?? call.account.arn(`role/${name}`));
  if (!role) throw noSuchEntity(`The role with name ${name} cannot be found.`);
  return role;
};

/** One page of a list, by `Marker` and `MaxItems`. */
export const page = <T>(call: QueryCall, all: readonly T[], name: string, show: (item: T) => XmlValue): XmlValue => {
  const size = Math.min(Math.max(Number(call.params.get('MaxItems') ?? 100) || 100, 1), 1000);
  const start = Number(Buffer.from(call.params.get('Marker') ?? '', 'base64').toString() || 0) || 0;
  const truncated = start + size < all.length;
  return {
    [name]: all.slice(start, start + size).map(show),
    IsTruncated: truncated,
    Marker: truncated ? Buffer.from(String(start + size)).toString('base64') : undefined,
  };
};
