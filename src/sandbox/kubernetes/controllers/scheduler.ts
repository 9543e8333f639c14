import { byText } from '../../../model/canonical.js';
import { type Json, listAt, objectAt, textAt } from '../../../model/json.js';
import { isDeleting, type JsonObject, type KubeObject, nameOf } from '../object.js';
import type { State } from '../state.js';

/** Which node a pod may run on: selector, required affinity, taints (`pkg/scheduler/framework/plugins`). */

const expressionHolds =
  (values: Readonly<Record<string, Json>>) =>
  (expression: Json): boolean => {
    const value = values[textAt(expression, 'key') ?? ''];
    const wanted = listAt(expression, 'values');
    switch (textAt(expression, 'operator')) {
      case 'In':
        return value !== undefined && wanted.includes(value);
      case 'NotIn':
        return value === undefined || !wanted.includes(value);
      case 'Exists':
        return value !== undefined;
      case 'DoesNotExist':
        return value === undefined;
      case 'Gt':
        return Number(value) > Number(wanted[0]);
      case 'Lt':
        return Number(value) < Number(wanted[0]);
      default:
        return false;
    }
  };
const affinityHolds = (spec: JsonObject, node: KubeObject): boolean => {
  const required = objectAt(spec, 'affinity', 'nodeAffinity')['requiredDuringSchedulingIgnoredDuringExecution'];
  if (required === undefined) return true;
  const labels = objectAt(node, 'metadata', 'labels');
  const fields = { 'metadata.name': nameOf(node) };
  return listAt(required, 'nodeSelectorTerms').some(
    (term) =>
      listAt(term, 'matchExpressions').every(expressionHolds(labels)) &&
      listAt(term, 'matchFields').every(expressionHolds(fields)) &&
      listAt(term, 'matchExpressions').length + listAt(term, 'matchFields').length > 0,
  );
};
const tolerates = (toleration: Json, taint: Json): boolean => {
  const effect = textAt(toleration, 'effect') ?? '';
  if (effect !== '' && effect !== textAt(taint, 'effect')) return false;
  const key = textAt(toleration, 'key') ?? '';
  if (key === '') return textAt(toleration, 'operator') === 'Exists';
  if (key !== textAt(taint, 'key')) return false;
  return (
    textAt(toleration, 'operator') === 'Exists' ||
    (textAt(toleration, 'value') ?? '') === (textAt(taint, 'value') ?? '')
  );
};
/** Whether a pod of this spec may be put there. */
export const fits = (spec: JsonObject, node: KubeObject): boolean => {
  const labels = objectAt(node, 'metadata', 'labels');
  const tolerations = listAt(spec, 'tolerations');
  const hard = listAt(node, 'spec', 'taints').filter((taint) => textAt(taint, 'effect') !== 'PreferNoSchedule');
  const cordon = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
  const taints = objectAt(node, 'spec')['unschedulable'] === true ? [...hard, cordon] : hard;
  return (
    !isDeleting(node) &&
    Object.entries(objectAt(spec, 'nodeSelector')).every(([key, value]) => labels[key] === value) &&
    affinityHolds(spec, node) &&
    taints.every((taint) => tolerations.some((toleration) => tolerates(toleration, taint)))
  );
};
/** The least loaded node that fits; null where none does. */
export const chooseNode = (state: State, pod: KubeObject): KubeObject | null => {
  const spec = objectAt(pod, 'spec');
  const load = (node: KubeObject): number => state.nodeLoad.get(nameOf(node)) ?? 0;
  const candidates = state.store.list('/nodes').filter((node) => fits(spec, node));
  candidates.sort((left, right) => load(left) - load(right) || byText(nameOf(left), nameOf(right)));
  return candidates[0] ?? null;
};
