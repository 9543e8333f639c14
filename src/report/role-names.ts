import { parseArn } from '../model/resource.js';

/** A role as people call it: the name, with its account where that is not the cluster's. Never for machines. */
export const roleName = (arn: string | null, account: string): string => {
  if (arn === null) return '(no role)';
  const parts = parseArn(arn);
  if (parts === null) return arn;
  const name = parts.resource.replace(/^role\//, '');
  return parts.account === account || parts.account === '' ? name : `${parts.account}:${name}`;
};
