import { listAt, objectAt, textAt, textsAt } from '../model/json.js';

/** Whether a Kubernetes label selector (matchLabels, matchExpressions) selects these labels. An empty selector selects all. */
export const selects = (selector: unknown, labels: Readonly<Record<string, string>>): boolean => {
  const wanted = textsAt(selector, 'matchLabels');
  if (Object.keys(objectAt(selector, 'matchLabels')).length !== Object.keys(wanted).length) return false;
  return (
    Object.entries(wanted).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value) &&
    listAt(selector, 'matchExpressions').every((expression) => {
      const key = textAt(expression, 'key') ?? '';
      const values = listAt(expression, 'values');
      const present = Object.hasOwn(labels, key);
      switch (textAt(expression, 'operator')) {
        case 'In':
          return present && values.includes(labels[key] as string);
        case 'NotIn':
          return !present || !values.includes(labels[key] as string);
        case 'Exists':
          return present;
        case 'DoesNotExist':
          return !present;
        default:
          return false;
      }
    })
  );
};
