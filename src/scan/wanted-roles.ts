import { byText } from '../model/canonical.js';
import type { Association, BrokerInstall, PodView, ServiceAccount, Workload } from '../model/inventory.js';
import { type JsonObject, textAt } from '../model/json.js';
import { parseRoleArn } from '../model/resource.js';
import { annotationKeys } from '../model/words.js';
import { roleKeysOf } from './brokers.js';

/** A prefix for bare names, and whether one leading `/` goes (kiam) or stays (kube2iam). */
export interface RoleBase {
  readonly base: string;
  readonly leadingSlash: 'goes' | 'stays';
}

/**
 * Every role ARN that an annotation's text can mean: as it stands, and behind each broker's base ARN by that broker's rule. Which
 * one holds is the identity model's answer; the scan reads them all.
 */
export const roleCandidates = (text: string, bases: readonly RoleBase[]): readonly string[] => {
  if (text === '' || text.length > 2048) return [];
  const found = new Set<string>();
  if (/^\/?arn:/i.test(text)) found.add(text.replace(/^\//, ''));
  else
    for (const { base, leadingSlash } of bases)
      found.add(`${base}${leadingSlash === 'goes' ? text.replace(/^\//, '') : text}`);
  return [...found].filter((arn) => parseRoleArn(arn) !== null).sort(byText);
};

export interface RoleSources {
  readonly workloads: readonly Workload[];
  readonly serviceAccounts: readonly ServiceAccount[];
  readonly associations: readonly Association[];
  readonly brokers: readonly BrokerInstall[];
  readonly addonRoles: readonly string[];
  readonly nodeRoles: readonly string[];
  readonly objects: readonly { readonly raw: JsonObject }[];
  /** Roles that a platform itself works with. */
  readonly byName?: readonly string[];
  /** Prefix that is tried where no broker tells one. */
  readonly fallbackBase: string | null;
}

/** Every role that anything in the cluster names, as ARNs, sorted. */
export const wantedRoles = (sources: RoleSources): readonly string[] => {
  const wanted = new Set<string>();
  const told = sources.brokers.flatMap((install): RoleBase[] =>
    install.baseArn === null
      ? []
      : [{ base: install.baseArn, leadingSlash: install.broker === 'kiam' ? 'goes' : 'stays' }],
  );
  const bases: readonly RoleBase[] =
    told.length > 0 || sources.fallbackBase === null ? told : [{ base: sources.fallbackBase, leadingSlash: 'goes' }];
  const add = (text: string | null | undefined): void => {
    if (text !== null && text !== undefined) for (const arn of roleCandidates(text, bases)) wanted.add(arn);
  };
  const keys = roleKeysOf(sources.brokers);
  const fromView = (view: PodView): void => {
    for (const key of keys) if (Object.hasOwn(view.annotations, key)) add(view.annotations[key]);
    for (const container of view.containers)
      if (Object.hasOwn(container.identityEnv, 'AWS_ROLE_ARN')) add(container.identityEnv['AWS_ROLE_ARN']);
  };
  for (const workload of sources.workloads) {
    fromView(workload.template);
    for (const pod of workload.pods) fromView(pod.view);
  }
  for (const account of sources.serviceAccounts) {
    add(account.annotations[annotationKeys.irsaRole]);
    add(account.annotations['iam.amazonaws.com/roleArn']);
  }
  for (const association of sources.associations) {
    add(association.role);
    add(association.targetRole);
  }
  for (const install of sources.brokers) {
    add(install.assumer);
    if (install.broker === 'kube2iam') add(install.flags['default-role']);
  }
  for (const role of [...sources.addonRoles, ...sources.nodeRoles, ...(sources.byName ?? [])]) add(role);
  for (const { raw } of sources.objects)
    if (textAt(raw, 'kind') === 'AWSIAMRole')
      add(textAt(raw, 'status', 'roleARN') ?? textAt(raw, 'spec', 'roleReference'));
  return [...wanted].sort(byText);
};
