import { parseDocument } from 'yaml';
import { type JsonObject, listAt, textAt } from '../model/json.js';
import type { Gaps } from './gaps.js';

/** A role that aws-auth lets nodes join with. */
export interface MappedRole {
  /** As it stands there: the path is removed (EKS User Guide), so only the name counts. */
  readonly arn: string;
  readonly name: string;
  readonly fargate: boolean;
}

const nodeGroups = new Set(['system:bootstrappers', 'system:nodes']);

/** Node roles of the ConfigMap kube-system/aws-auth, whose `mapRoles` is YAML text. */
export const nodeRolesOfAwsAuth = (configMap: JsonObject, gaps: Gaps): readonly MappedRole[] => {
  const text = textAt(configMap, 'data', 'mapRoles') ?? '';
  if (text === '') return [];
  let rows: unknown;
  try {
    const document = parseDocument(text, { strict: false, logLevel: 'error' });
    rows = document.toJS({ maxAliasCount: 100 });
  } catch (thrown) {
    gaps.failed('kubernetes:configmaps:kube-system/aws-auth', thrown, ['node roles that only aws-auth names']);
    return [];
  }
  return listAt({ rows }, 'rows').flatMap((row) => {
    const arn = textAt(row, 'rolearn') ?? '';
    const groups = listAt(row, 'groups');
    if (arn === '' || !groups.some((group) => typeof group === 'string' && nodeGroups.has(group))) return [];
    return [{ arn, name: arn.slice(arn.lastIndexOf('/') + 1), fargate: groups.includes('system:node-proxier') }];
  });
};
