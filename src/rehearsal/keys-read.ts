import type { World } from '../identity/world.js';
import type { Subject } from './estate-subjects.js';
import type { IdentityModel } from './model.js';

/** Everything that the answers about a workload read, and that its move will make them read, in the words of writes.ts. */
export const keysReadFor = ({ workload, move }: Subject, model: IdentityModel, world: World): ReadonlySet<string> => {
  const { namespace = '', name } = workload.ref;
  const keys = new Set<string>([`name:${namespace}/${name}`, `namespace:${namespace}`]);
  const account = (of: string): void => {
    keys.add(`account:${of}`);
    keys.add(`association:${of}`);
  };
  account(`${namespace}/${workload.template.serviceAccount}`);
  const answered = model.answer(model.admit(workload.template, world), world, { node: null });
  for (const key of answered.readFrom) {
    const role = /^iam:(\d{12})::Role:(.+)$/.exec(key);
    const provider = /^iam:(\d{12})::OIDCProvider:/.exec(key);
    if (role !== null) keys.add(`role:${role[1]}/${role[2]}`);
    else if (provider !== null) keys.add(`provider:${provider[1]}`);
  }
  for (const arn of [move?.from.role, move?.to?.role, move?.to?.associationRole]) {
    const parts = /^arn:[^:]+:iam::(\d{12}):role\/(?:.*\/)?([^/]+)$/.exec(arn ?? '');
    if (parts !== null) {
      keys.add(`role:${parts[1]}/${parts[2]}`);
      keys.add(`provider:${parts[1]}`);
    }
  }
  if (move?.to != null) account(move.to.serviceAccount);
  return keys;
};
