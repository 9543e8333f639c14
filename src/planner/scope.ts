import type { WorkloadUse } from '../findings/rule.js';
import { namespaceInScope } from '../findings/subjects.js';
import { RoleliftError } from '../model/error.js';
import type { PlanOptions } from '../model/options.js';

type Labels = Readonly<Record<string, string>>;
type Requirement = (labels: Labels) => boolean;
const name = '[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?';
const value = '([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?';
const equality = new RegExp(`^(${name})\\s*(==|=|!=)\\s*(${value})$`);
const setBased = new RegExp(`^(${name})\\s+(in|notin)\\s+\\(([^()]*)\\)$`);
const existence = new RegExp(`^(!?)\\s*(${name})$`);
const of = (labels: Labels, key: string): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);

/**
 * A label selector as Kubernetes reads it: equality-based and set-based requirements, joined by commas
 * (kubernetes.io, Labels and Selectors). RL631 where it is not one.
 */
const parseSelector = (selector: string): Requirement => {
  const parts = selector.trim() === '' ? [] : selector.split(/,(?![^(]*\))/).map((part) => part.trim());
  const requirements = parts.map((part): Requirement => {
    const equal = equality.exec(part);
    if (equal) {
      const [key, wanted, same] = [equal[1] as string, equal[4] as string, equal[3] !== '!='];
      return (labels) => (of(labels, key) === wanted) === same;
    }
    const set = setBased.exec(part);
    if (set) {
      const [key, values] = [set[1] as string, new Set((set[4] as string).split(',').map((item) => item.trim()))];
      const inside = set[3] === 'in';
      return (labels) => {
        const found = of(labels, key);
        return inside ? found !== undefined && values.has(found) : found === undefined || !values.has(found);
      };
    }
    const there = existence.exec(part);
    if (there) {
      const [key, absent] = [there[2] as string, there[1] === '!'];
      return (labels) => (of(labels, key) === undefined) === absent;
    }
    throw new RoleliftError({
      code: 'RL631',
      message: `the selector ${JSON.stringify(selector)} cannot be read`,
      cause: `${JSON.stringify(part)} is no requirement`,
      remedy: 'Write it as kubectl takes it: app=api,tier!=cache,env in (dev,test),!legacy',
      fault: 'user',
    });
  });
  return (labels) => requirements.every((holds) => holds(labels));
};

/** Whether options let this workload be moved: its namespace, and its own or its pods' labels. */
export const inScope = (options: PlanOptions): ((use: WorkloadUse) => boolean) => {
  const holds = parseSelector(options.selector);
  return ({ workload }) =>
    namespaceInScope(options, workload.ref.namespace ?? '') &&
    holds({ ...workload.template.labels, ...workload.ownLabels });
};

/** Brokers to move away from. */
export const brokersFrom = (options: PlanOptions): ReadonlySet<string> =>
  new Set(options.from.length === 0 ? ['kiam', 'kube2iam'] : options.from);
