import { type Json, type JsonObject, listAt, objectAt, textAt } from '../../model/json.js';
import type { KubeObject } from './object.js';
import { badRequest } from './status.js';

export type Test = (object: KubeObject) => boolean;

interface Requirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
}
const meets = (labels: JsonObject, { key, operator, values }: Requirement): boolean => {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'In':
      return typeof value === 'string' && values.includes(value);
    case 'NotIn':
      return typeof value !== 'string' || !values.includes(value);
  }
};

/** Splits at commas that stand outside parentheses. */
const parts = (text: string): readonly string[] => {
  const out: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '(') depth += 1;
    else if (text[at] === ')') depth -= 1;
    else if (text[at] === ',' && depth === 0) {
      out.push(text.slice(from, at));
      from = at + 1;
    }
  }
  out.push(text.slice(from));
  return out.map((part) => part.trim()).filter((part) => part !== '');
};
const keyPattern = '([A-Za-z0-9][-A-Za-z0-9_./]*)';
const setBased = new RegExp(`^${keyPattern}\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const equality = new RegExp(`^${keyPattern}\\s*(==|=|!=)\\s*([-A-Za-z0-9_.]*)$`);
const existence = new RegExp(`^(!?)\\s*${keyPattern}$`);

/** The `labelSelector` of a request (apimachinery `pkg/labels/selector.go`); 400 where it cannot be read. */
export const labelSelector = (text: string): Test => {
  const requirements = parts(text).map((part): Requirement => {
    const inSet = setBased.exec(part);
    if (inSet) {
      const values = (inSet[3] ?? '').split(',').map((value) => value.trim());
      return { key: inSet[1] as string, operator: inSet[2] === 'in' ? 'In' : 'NotIn', values };
    }
    const equal = equality.exec(part);
    if (equal) {
      return { key: equal[1] as string, operator: equal[2] === '!=' ? 'NotIn' : 'In', values: [equal[3] ?? ''] };
    }
    const exists = existence.exec(part);
    if (exists)
      return { key: exists[2] as string, operator: exists[1] === '!' ? 'DoesNotExist' : 'Exists', values: [] };
    throw badRequest(`unable to parse requirement: found '${part}', expected: identifier`);
  });
  return (object) => {
    const labels = objectAt(object, 'metadata', 'labels');
    return requirements.every((requirement) => meets(labels, requirement));
  };
};

/** A LabelSelector inside an object: matchLabels and matchExpressions. An empty one takes everything. */
export const selectorTest = (selector: Json | undefined): ((labels: JsonObject) => boolean) => {
  const wanted = Object.entries(objectAt(selector, 'matchLabels'));
  const expressions = listAt(selector, 'matchExpressions').map(
    (expression): Requirement => ({
      key: textAt(expression, 'key') ?? '',
      operator: (textAt(expression, 'operator') ?? 'Exists') as Requirement['operator'],
      values: listAt(expression, 'values').filter((value) => typeof value === 'string'),
    }),
  );
  return (labels) =>
    wanted.every(([key, value]) => labels[key] === value) &&
    expressions.every((requirement) => meets(labels, requirement));
};

/** Fields that every kind can be selected by, and those of some kinds (their registries' `SelectableFields`). */
const fieldsOf: Readonly<Record<string, readonly string[]>> = {
  pods: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  secrets: ['type'],
  namespaces: ['status.phase', 'name'],
  nodes: ['spec.unschedulable'],
  jobs: ['status.successful'],
  replicasets: ['status.replicas'],
  replicationcontrollers: ['status.replicas'],
  events: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
};
const fieldText = (object: KubeObject, field: string): string => {
  let here: Json | undefined = object;
  for (const key of field.split('.')) here = objectAt({ here: here ?? null }, 'here')[key];
  return here === undefined || here === null
    ? field === 'spec.hostNetwork' || field === 'spec.unschedulable'
      ? 'false'
      : ''
    : typeof here === 'object'
      ? (textAt(here, 'component') ?? '')
      : String(here);
};

/** The `fieldSelector` of a request; 400 where the kind has no such field. */
export const fieldSelector = (text: string, resource: string): Test => {
  const terms = text
    .split(',')
    .map((term) => term.trim())
    .filter((term) => term !== '')
    .map((term) => {
      const match = /^([^=!]+?)(==|=|!=)(.*)$/.exec(term);
      if (!match) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
      const field = match[1] as string;
      const known = Object.hasOwn(fieldsOf, resource) ? (fieldsOf[resource] ?? []) : [];
      if (field !== 'metadata.name' && field !== 'metadata.namespace' && !known.includes(field)) {
        throw badRequest(
          known.length > 0
            ? `field label not supported: ${field}`
            : `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`,
        );
      }
      return { field, equal: match[2] !== '!=', value: match[3] ?? '' };
    });
  return (object) => terms.every(({ field, equal, value }) => (fieldText(object, field) === value) === equal);
};
