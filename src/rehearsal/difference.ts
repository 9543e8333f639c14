import type { JournalState } from '../journal/fold.js';
import { isObject, type Json } from '../model/json.js';
import type { Plan } from '../model/plan.js';
import type { Twin } from './twin.js';

/** Most differences that are told. */
const most = 20;

/** Where two estates differ, as paths with both values; what a rollback kept because others use it by now is no difference (H3). */
export const differences = (before: Twin, after: Twin, plan: Plan, state: JournalState): readonly string[] => {
  const kept = new Set(
    plan.steps.flatMap((step) => {
      const now = state.steps.get(step.id);
      return now?.is === 'undone' && now.how === 'kept' ? [step.target.name] : [];
    }),
  );
  const found: string[] = [];
  const aws = (twin: Twin): Json => twin.sandbox.canonical()['aws'] ?? null;
  compare(aws(before), aws(after), 'aws', found);
  const left = before.sandbox.cluster.estate();
  const right = after.sandbox.cluster.estate();
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    if (housekeeping.test(key) || left.get(key) === right.get(key)) continue;
    const [was, is] = [left.get(key), right.get(key)].map((text) => (key.startsWith('/pods:') ? lookOf(text) : text));
    compare(parsed(was), parsed(is), key, found);
  }
  return found.filter((text) => ![...kept].some((name) => name !== '' && text.includes(name))).slice(0, most);
};

/** Leases and the list of runs are the tool's own; events and revisions are the server's. */
const housekeeping = /^(coordination\.k8s\.io\/|\/events|events\.k8s\.io\/|apps\/controllerrevisions)/;

/** A bare pod that was made anew has another node and another name for its token's volume. */
const lookOf = (text: string | undefined): string | undefined =>
  text?.replace(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access').replace(/"nodeName":"[^"]*",?/, '');

const parsed = (text: string | undefined): Json | undefined =>
  text === undefined ? undefined : (JSON.parse(text) as Json);

const compare = (left: Json | undefined, right: Json | undefined, path: string, found: string[]): void => {
  if (found.length > 4 * most || left === right) return;
  if (isObject(left) && isObject(right)) {
    for (const key of [...new Set([...Object.keys(left), ...Object.keys(right)])].sort())
      compare(left[key], right[key], `${path}/${key}`, found);
    return;
  }
  if (Array.isArray(left) && Array.isArray(right) && left.length === right.length) {
    for (const [index, item] of left.entries()) compare(item, right[index], `${path}/${index}`, found);
    return;
  }
  const [a, b] = [shown(left), shown(right)];
  if (a !== b) found.push(`${path} was ${a} and is ${b}`);
};

const shown = (value: Json | undefined): string => {
  const text = value === undefined ? 'absent' : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};
