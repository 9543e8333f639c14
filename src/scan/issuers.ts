import { isObject, type JsonObject, listAt, textAt } from '../model/json.js';
import type { KubernetesReader } from '../model/ports.js';
import { wordsOf } from './command-line.js';
import type { Gaps } from './gaps.js';
import { reasonOf } from './gaps.js';

/** Issuers that a kube-apiserver's own command line names: the first signs, the others are still accepted (kube-apiserver reference). */
export const sightIssuers = (template: JsonObject): readonly string[] => {
  for (const container of listAt(template, 'spec', 'containers')) {
    if (!isObject(container) || textAt(container, 'name') !== 'kube-apiserver') continue;
    return wordsOf(container).flatMap((word) => {
      const value = /^--service-account-issuer=(https:\/\/.+)$/.exec(word)?.[1];
      return value === undefined ? [] : [value];
    });
  }
  return [];
};

/** Issuer of the API server's discovery document; null where it may not be read. Issuers are read, never built. */
export const discoveredIssuer = async (kubernetes: KubernetesReader, gaps: Gaps): Promise<string | null> => {
  try {
    const document = await kubernetes.getPath('/.well-known/openid-configuration');
    const issuer = textAt(document, 'issuer');
    return issuer?.startsWith('https://') === true ? issuer : null;
  } catch (thrown) {
    gaps.add('kubernetes:openid-configuration', reasonOf(thrown), ['the OIDC issuer of the cluster']);
    return null;
  }
};
