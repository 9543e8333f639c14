import { parseTrust } from '../trust/document.js';
import { sessionDependentKeys, tagKeys } from '../trust/lint.js';
import { policiesOf, roleByArn } from './policy-documents.js';
import type { Estate } from './rule.js';

/** A document of a role that tests some keys. */
export interface KeyUse {
  /** `trust policy`, or the policy's name or ARN. */
  readonly where: string;
  readonly keys: readonly string[];
}

const documentsOf = (
  estate: Estate,
  arn: string,
): readonly { where: string; document: ReturnType<typeof parseTrust> }[] => {
  const role = roleByArn(estate.inventory, arn);
  if (role === undefined) return [];
  return [
    { where: 'trust policy', document: parseTrust(role.trust) },
    ...policiesOf(estate.inventory, role).map(({ name, document }) => ({ where: name, document })),
  ];
};

const usesOf = (
  estate: Estate,
  arn: string,
  keysOf: (document: ReturnType<typeof parseTrust>) => readonly string[],
): readonly KeyUse[] =>
  documentsOf(estate, arn).flatMap(({ where, document }) => {
    const keys = keysOf(document);
    return keys.length === 0 ? [] : [{ where, keys }];
  });

/** Where a role's own documents test keys that depend on how a session came to be (H16). */
export const sessionKeyUses = (estate: Estate, arn: string): readonly KeyUse[] =>
  usesOf(estate, arn, sessionDependentKeys);

/** Where a role's own policies test principal or request tags, which Pod Identity sets (H16); our own trust does so too, and is left out. */
export const tagKeyUses = (estate: Estate, arn: string): readonly KeyUse[] =>
  usesOf(estate, arn, tagKeys).filter(({ where }) => where !== 'trust policy');
