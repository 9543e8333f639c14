import { byText } from '../model/canonical.js';
import type { Inventory } from '../model/inventory.js';
import { isObject, type JsonObject } from '../model/json.js';
import { parseTrust, principalsOf } from '../trust/document.js';
import { isOurs } from '../trust/statement.js';

/** One service account that a statement of ours lets in. */
export interface OurStatement {
  readonly account: string;
  readonly role: string;
  readonly roleArn: string;
  /** The whole trust policy of the role, as IAM sent it. */
  readonly trust: string;
  readonly sid: string;
  readonly namespace: string;
  readonly name: string;
  /** The statement as if it were for this service account alone. */
  readonly statement: JsonObject;
  /** It names this cluster's issuer, or this cluster's ARN. */
  readonly ours: boolean;
}

const texts = (value: unknown): readonly string[] =>
  Array.isArray(value)
    ? value.filter((one): one is string => typeof one === 'string')
    : typeof value === 'string'
      ? [value]
      : [];

/** The conditions of a statement as operator, key and values. */
const conditions = (
  statement: JsonObject,
): readonly { readonly operator: string; readonly key: string; readonly values: readonly string[] }[] =>
  Object.entries(isObject(statement.Condition) ? statement.Condition : {}).flatMap(([operator, keys]) =>
    Object.entries(isObject(keys) ? keys : {}).map(([key, value]) => ({ operator, key, values: texts(value) })),
  );

const withOnly = (statement: JsonObject, operator: string, key: string, value: string): JsonObject => {
  const all = statement.Condition as JsonObject;
  return { ...statement, Condition: { ...all, [operator]: { ...(all[operator] as JsonObject), [key]: value } } };
};

/** Roles that let one of these roles in by a statement of ours, as the target of a chain does (H15). */
export const targetsOf = (
  inventory: Inventory,
  roles: ReadonlySet<string>,
): readonly { readonly sid: string; readonly role: string; readonly letsIn: string }[] =>
  inventory.roles.flatMap((role) => {
    const document = parseTrust(role.trust);
    if (document.is !== 'document') return [];
    return document.statements
      .filter(isOurs)
      .flatMap((statement) =>
        (principalsOf(statement.Principal).get('AWS') ?? [])
          .filter((arn) => roles.has(arn))
          .map((letsIn) => ({ sid: String(statement.Sid), role: role.arn, letsIn })),
      );
  });

/** Every service account that some role lets in by a statement of ours, in the order of roles and names. */
export const ourStatements = (inventory: Inventory): readonly OurStatement[] => {
  const hosts = new Set(inventory.cluster.oidcIssuers.map((issuer) => issuer.replace(/^https:\/\//, '')));
  const found: OurStatement[] = [];
  for (const role of inventory.roles) {
    const document = parseTrust(role.trust);
    if (document.is !== 'document') continue;
    for (const raw of document.statements) {
      const statement = raw as unknown as JsonObject;
      if (!isOurs(raw)) continue;
      const all = conditions(statement);
      const base = {
        account: role.account,
        role: role.name,
        roleArn: role.arn,
        trust: role.trust,
        sid: String(statement.Sid),
      };
      const subject = all.find(({ key }) => key.endsWith(':sub'));
      if (subject !== undefined) {
        const ours = hosts.has(subject.key.slice(0, -':sub'.length));
        for (const value of subject.values) {
          const [namespace, name] = value.replace(/^system:serviceaccount:/, '').split(':');
          if (namespace === undefined || name === undefined) continue;
          found.push({
            ...base,
            namespace,
            name,
            ours,
            statement: withOnly(statement, subject.operator, subject.key, value),
          });
        }
        continue;
      }
      const tag = (name: string): string => all.find(({ key }) => key === `aws:RequestTag/${name}`)?.values[0] ?? '';
      if (tag('kubernetes-service-account') === '') continue;
      found.push({
        ...base,
        namespace: tag('kubernetes-namespace'),
        name: tag('kubernetes-service-account'),
        ours: tag('eks-cluster-arn') === inventory.cluster.arn,
        statement,
      });
    }
  }
  return found.sort((one, other) =>
    byText(`${one.roleArn} ${one.namespace}/${one.name}`, `${other.roleArn} ${other.namespace}/${other.name}`),
  );
};
