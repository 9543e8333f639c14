import { byText } from '../model/canonical.js';
import type { ContainerView } from '../model/inventory.js';
import { objectAt } from '../model/json.js';
import { kubernetesRef } from '../model/resource.js';
import type { ConfigMapKeys } from './pod-view.js';
import type { ObjectSource } from './source.js';

type AwsKeys = ContainerView['envFrom'][number]['awsKeys'];

/** The ConfigMaps that containers take variables from: noted while templates are read, asked for once each afterwards. */
export interface ConfigMapBook {
  readonly keysOf: ConfigMapKeys;
  /** Completes every answer given by `keysOf`: only names of keys that begin with `AWS_` are kept. */
  resolve(source: ObjectSource): Promise<void>;
}

export const createConfigMapBook = (): ConfigMapBook => {
  const asked = new Map<string, { namespace: string; name: string; prefix: string; answer: AwsKeys }>();
  return {
    keysOf: (namespace, name, prefix) => {
      const key = `${namespace}/${name}/${prefix}`;
      const known = asked.get(key);
      if (known !== undefined) return known.answer;
      const gap = `ConfigMap ${namespace}/${name} could not be read`;
      const answer: AwsKeys = { is: 'unreadable', gap };
      asked.set(key, { namespace, name, prefix, answer });
      return answer;
    },
    resolve: async (source) => {
      const entries = [...asked.entries()].sort((left, right) => byText(left[0], right[0]));
      for (const [, { namespace, name, prefix, answer }] of entries) {
        const object = await source.get(kubernetesRef('v1', 'ConfigMap', namespace, name));
        if (object === null) continue;
        const keys = Object.keys(objectAt(object, 'data'))
          .map((key) => `${prefix}${key}`)
          .filter((key) => key.startsWith('AWS_'))
          .sort(byText);
        const complete = answer as { is: string; gap?: string; value?: readonly string[] };
        delete complete.gap;
        complete.is = 'value';
        complete.value = keys;
      }
    },
  };
};
