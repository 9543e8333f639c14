import type { ContainerView } from '../model/inventory.js';
import type { Offer } from './types.js';

const keyVariable = 'AWS_ACCESS_KEY_ID';
const secretVariable = 'AWS_SECRET_ACCESS_KEY';

const offer = (from: 'env' | 'secret' | 'config-map', why: string): Offer => ({
  source: { kind: 'static-keys', from },
  role: null,
  assumable: 'yes',
  why,
  code: 'RL109',
});

const none = { certain: null, possible: [] };

/**
 * Static keys in a container's variables. `certain`: both variables are set. `possible`: a Secret is taken as variables, and
 * Secrets are never read (H26).
 */
export const staticKeys = (
  container: ContainerView,
): { readonly certain: Offer | null; readonly possible: readonly Offer[] } => {
  const sets = container.env.includes(keyVariable) || container.envFromRef.some((one) => one.variable === keyVariable);
  if (!sets && container.envFrom.length === 0) return none;
  const possible: Offer[] = [];
  const refs = new Map(container.envFromRef.map((one) => [one.variable, one.kind]));
  const named = new Set([...container.env, ...refs.keys()]);
  const fromMaps = new Set<string>();
  for (const source of container.envFrom) {
    if (source.kind === 'Secret') {
      // A prefix that cannot make the variable's name rules the Secret out.
      if (keyVariable.startsWith(source.prefix))
        possible.push(offer('secret', `the Secret ${source.name} is taken as variables and may hold static keys`));
    } else if (source.awsKeys.is === 'value') for (const key of source.awsKeys.value) fromMaps.add(source.prefix + key);
    else if (source.awsKeys.is === 'unreadable' && keyVariable.startsWith(source.prefix))
      possible.push(offer('config-map', `the ConfigMap ${source.name} could not be read and may hold static keys`));
  }
  const has = (variable: string): boolean => named.has(variable) || fromMaps.has(variable);
  if (!has(keyVariable) || !has(secretVariable)) return { certain: null, possible };
  const kind = refs.get(keyVariable) ?? refs.get(secretVariable);
  const from = kind === 'Secret' ? 'secret' : kind === 'ConfigMap' || !named.has(keyVariable) ? 'config-map' : 'env';
  return { certain: offer(from, `${keyVariable} and ${secretVariable} are set: most SDKs take them first`), possible };
};
