import { byText } from '../model/canonical.js';
import type { JsonObject } from '../model/json.js';
import { type OperationPlace, operationOf } from '../model/operations.js';

/** One call of AWS, with its input as far as it is known. */
export interface AwsUse {
  readonly service: string;
  readonly operation: string;
  readonly input: JsonObject;
  readonly place: OperationPlace;
}

/** `s3://bucket/prefix` of shared state. */
export interface StateStore {
  readonly bucket: string;
  /** Empty for the whole bucket. */
  readonly prefix: string;
}

/** What the journal in object storage takes: its objects, and the list that tells a missing object from a forbidden one. */
export const stateStatements = (
  state: StateStore,
  partition: string,
  mode: 'read' | 'write',
): readonly JsonObject[] => {
  const bucket = `arn:${partition}:s3:::${state.bucket}`;
  return [
    {
      Effect: 'Allow',
      Action: ['s3:GetObject', ...(mode === 'write' ? ['s3:PutObject'] : [])],
      Resource: [`${bucket}/${state.prefix === '' ? '' : `${state.prefix}/`}*`],
    },
    { Effect: 'Allow', Action: ['s3:ListBucket'], Resource: [bucket] },
  ];
};

/** The least policy under which these calls are allowed: one statement for each set of actions on the same resources. */
export const policyFor = (uses: readonly AwsUse[], more: readonly JsonObject[] = []): JsonObject => {
  const resources = new Map<string, Set<string>>();
  const add = (action: string, arns: readonly string[]): void => {
    const set = resources.get(action) ?? new Set<string>();
    for (const arn of arns) set.add(arn);
    resources.set(action, set);
  };
  for (const use of uses) {
    const row = operationOf(use.service, use.operation);
    if (!row.free) add(row.action, row.resources(use.input, use.place));
    for (const also of row.alsoNeeds) {
      if (also.when === undefined || also.when(use.input)) add(also.action, also.resources(use.input, use.place));
    }
  }
  const groups = new Map<string, { readonly actions: string[]; readonly arns: readonly string[] }>();
  for (const [action, set] of [...resources].sort(([left], [right]) => byText(left, right))) {
    const arns = set.has('*') ? ['*'] : withoutCovered([...set].sort(byText));
    if (arns.length === 0) continue;
    const key = arns.join(' ');
    const group = groups.get(key) ?? { actions: [], arns };
    group.actions.push(action);
    groups.set(key, group);
  }
  return {
    Version: '2012-10-17',
    Statement: [
      ...[...groups.values()].map((group) => ({ Effect: 'Allow', Action: group.actions, Resource: group.arns })),
      ...more,
    ],
  };
};

/** Without what another entry that ends in `*` covers: the shorter the policy, the easier its review. */
const withoutCovered = (arns: readonly string[]): readonly string[] =>
  arns.filter(
    (arn) => !arns.some((other) => other !== arn && other.endsWith('*') && arn.startsWith(other.slice(0, -1))),
  );
