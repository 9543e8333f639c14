import { byText } from '../model/canonical.js';
import { RoleliftError } from '../model/error.js';
import type { Cluster, Inventory } from '../model/inventory.js';
import type { Say } from '../model/message.js';
import { kubernetesRef, parseArn, parseRoleArn } from '../model/resource.js';
import { nodeRolesOfAwsAuth } from './aws-auth.js';
import { type BrokerSighting, baseArnOf, brokerInstalls, kiamRules } from './brokers.js';
import { audienceOf, partitionOf, platformOf } from './cluster.js';
import { parseCommandLine, splitWords } from './command-line.js';
import { createGaps, type Gaps } from './gaps.js';
import { readCluster } from './kubernetes.js';
import { readManifestObjects } from './manifest-objects.js';
import { quietAnnotations } from './quiet-annotations.js';
import { memorySource } from './source.js';
import { readWebhook } from './webhook.js';

/** What the account and the cluster would have told, given by flags (interface: offline planning). */
export interface ManifestOptions {
  /** Account id; empty where it is not given. */
  readonly account: string;
  readonly region: string;
  readonly partition: string | null;
  readonly cluster: string;
  readonly oidcIssuer: string | null;
  readonly broker: 'kiam' | 'kube2iam' | null;
  readonly brokerVersion: string | null;
  /** The broker's command line. */
  readonly brokerArgs: string | null;
  readonly baseRoleArn: string | null;
  readonly say: Say;
}

const defaultManifestOptions: ManifestOptions = {
  account: '',
  region: '',
  partition: null,
  cluster: '',
  oidcIssuer: null,
  broker: null,
  brokerVersion: null,
  brokerArgs: null,
  baseRoleArn: null,
  say: () => undefined,
};

/**
 * Reads every YAML and JSON document below a directory as if it were the cluster. What only an account could tell is assumed and
 * said as gaps. Rejects with RL623 where the directory cannot be read, RL624 where a flag has no meaning.
 */
export const readManifests = async (directory: string, given: Partial<ManifestOptions> = {}): Promise<Inventory> => {
  const options: ManifestOptions = { ...defaultManifestOptions, ...given };
  checkFlags(options);
  const gaps = createGaps();
  options.say({ kind: 'progress', id: 'scan:manifests', parent: 'scan', title: 'manifests', state: 'running' });
  const objects = await readManifestObjects(directory, gaps);
  const source = memorySource(objects);
  const part = await readCluster(source, gaps, () => undefined);
  options.say({
    kind: 'progress',
    id: 'scan:manifests',
    parent: 'scan',
    title: `manifests: ${objects.length} objects`,
    state: 'done',
  });

  const told = baseOf(options, part.sightings);
  const accountId = options.account || told?.account || '';
  const partition =
    options.partition ?? (options.region === '' ? (told?.partition ?? 'aws') : partitionOf(options.region));
  const issuers = options.oidcIssuer === null ? [...part.apiServerIssuers] : [options.oidcIssuer];
  if (issuers.length === 0)
    gaps.add('manifests:oidc-issuer', "the cluster's OIDC issuer is not known: give --oidc-issuer", [
      'trust policies for IRSA',
    ]);
  if (accountId === '')
    gaps.add('manifests:account', 'the account is not known: give --account', [
      'which role a name without an ARN means',
    ]);
  const platform = platformOf({ ...part, issuers });
  const kind: Cluster['kind'] =
    platform.kind === 'giantswarm' || platform.kind === 'kops'
      ? platform.kind
      : issuers.length === 0 || issuers.some((issuer) => /\/\/oidc[-.]eks\.|\/\/oidc\.eks[.-]/.test(issuer))
        ? 'eks'
        : 'self-managed';
  const sightings = brokersOf(options, part.sightings, gaps);
  const roleOf = new Map(
    part.serviceAccounts.flatMap((account): [string, string][] => {
      const role = account.annotations['eks.amazonaws.com/role-arn'];
      return role === undefined ? [] : [[`${account.ref.namespace}/${account.ref.name}`, role]];
    }),
  );
  const brokers = brokerInstalls(sightings, {
    workloads: part.workloads,
    nodes: [],
    live: false,
    partition,
    accountId,
    roleOfAccount: (namespace, name) => roleOf.get(`${namespace}/${name}`) ?? null,
  }).map((install) =>
    install.component !== 'agent' && install.baseArn === null && accountId !== '' && isSynthetic(install.flags)
      ? { ...install, baseArn: `arn:${partition}:iam::${accountId}:role/` }
      : install,
  );
  for (const install of brokers)
    if (install.assumed)
      gaps.add('manifests:broker', `the version of ${install.broker} is not told: the rules of v4 are assumed`, [
        'whether patterns are matched as kiam v3 does',
      ]);
  gaps.add('manifests:account-facts', 'manifests tell nothing of the account', [
    'whether roles exist, and whether the broker may assume them',
    'trust policies, OIDC providers, associations, add-ons and node roles',
  ]);
  for (const account of part.serviceAccounts)
    if (account.exists === 'assumed')
      gaps.add(
        'manifests:service-accounts',
        'service accounts without a manifest are taken to exist without annotations',
        ['annotations of those service accounts'],
      );
  const declared = new Set(part.namespaces.map(({ name }) => name));
  for (const { template } of part.workloads)
    if (!declared.has(template.namespace))
      gaps.add('manifests:namespaces', 'namespaces without a manifest are taken to have no annotations', [
        `what namespace ${template.namespace} permits`,
      ]);
  const awsAuth = part.objects.find(({ ref }) => ref.kind === 'ConfigMap' && ref.name === 'aws-auth');
  const mapped = awsAuth === undefined ? [] : nodeRolesOfAwsAuth(awsAuth.raw, gaps);
  const cluster: Cluster = {
    kind,
    name: options.cluster || (platform.facts['giantswarm.cluster'] ?? 'manifests'),
    arn:
      kind === 'eks' && options.cluster !== '' && options.region !== '' && accountId !== ''
        ? `arn:${partition}:eks:${options.region}:${accountId}:cluster/${options.cluster}`
        : null,
    accountId,
    region: options.region,
    partition,
    kubernetesVersion: '',
    platformVersion: null,
    oidcIssuers: issuers,
    ipFamily: 'ipv4',
    server: '',
    uid: '',
    autoMode: false,
    closedVpc: false,
    facts: platform.facts,
  };
  return quietAnnotations({
    format: 'rolelift.inventory/1',
    source: 'manifests',
    cluster,
    caller: null,
    namespaces: part.namespaces,
    brokers,
    webhook: await readWebhook(source, gaps, { flags: part.webhookFlags, kind, audience: audienceOf(kind, partition) }),
    workloads: part.workloads,
    serviceAccounts: part.serviceAccounts,
    bindings: part.bindings,
    nodes: part.nodes,
    nodeRoles: [...new Map(mapped.map((role) => [role.arn, role])).values()]
      .sort((left, right) => byText(left.arn, right.arn))
      .map((role) => ({
        arn: role.arn,
        sources: [{ kind: 'aws-auth' as const, name: role.arn }],
        inUse: false,
        sharedWith: [],
        sharingKnown: false,
      })),
    roles: [],
    rolesMissing: [],
    policies: [],
    associations: [],
    oidcProviders: [],
    addons: [],
    fargateProfiles: [],
    accounts: accountId === '' ? [] : [{ id: accountId, quotas: {}, credentials: 'none' }],
    objects: part.objects,
    gaps: gaps.list(),
  });
};

/** Marks flags of an install that stands for one that is not among the manifests. */
const isSynthetic = (flags: Readonly<Record<string, string>>): boolean => Object.keys(flags).length === 0;

const baseOf = (
  options: ManifestOptions,
  sightings: readonly BrokerSighting[],
): { readonly account: string; readonly partition: string } | null => {
  const texts = [options.baseRoleArn, ...sightings.map((sighting) => baseArnOf(sighting, null))];
  for (const text of texts) {
    const parts = text === null ? null : parseArn(text);
    if (parts !== null) return { account: parts.account, partition: parts.partition };
  }
  return null;
};

/** Brokers of the manifests, with what flags say put over them; one that only flags name stands for itself. */
const brokersOf = (
  options: ManifestOptions,
  found: readonly BrokerSighting[],
  gaps: Gaps,
): readonly BrokerSighting[] => {
  const { broker } = options;
  const sightings = broker === null ? found : found.filter((sighting) => sighting.broker === broker);
  const extra: Record<string, string> = {
    ...(options.brokerArgs === null ? {} : parseCommandLine(splitWords(options.brokerArgs)).flags),
  };
  const apply = (sighting: BrokerSighting): BrokerSighting => {
    const base =
      options.baseRoleArn === null
        ? {}
        : { [sighting.broker === 'kiam' ? 'role-base-arn' : 'base-role-arn']: options.baseRoleArn };
    const flags = { ...(options.brokerArgs === null ? sighting.flags : extra), ...base };
    if (sighting.broker !== 'kiam') return { ...sighting, version: options.brokerVersion ?? sighting.version, flags };
    const version = (options.brokerVersion ?? sighting.version).replace(/^v/, '');
    return { ...sighting, ...kiamRules(version, flags), flags };
  };
  const serves = sightings.filter((sighting) => sighting.broker !== 'kiam' || sighting.component !== 'agent');
  const wanted = broker ?? (sightings.some((sighting) => sighting.broker === 'kiam') ? 'kiam' : null);
  if (serves.length > 0 || wanted === null)
    return sightings.map((sighting) => (sighting.component === 'agent' ? sighting : apply(sighting)));
  const name = wanted === 'kiam' ? 'kiam-server' : 'kube2iam';
  gaps.add('manifests:broker', `${name} is not among the manifests: it is taken to run on every node`, [
    'where the broker runs',
  ]);
  return [
    ...sightings,
    apply({
      ref: kubernetesRef('apps/v1', 'DaemonSet', 'kube-system', name),
      broker: wanted,
      component: wanted === 'kiam' ? 'server' : 'all',
      version: '',
      rules: wanted === 'kiam' ? 'kiam-v4' : 'kube2iam',
      assumed: wanted === 'kiam',
      flags: {},
    }),
  ];
};

const checkFlags = (options: ManifestOptions): void => {
  const wrong = (flag: string, value: string, wants: string): never => {
    throw new RoleliftError(
      { code: 'RL624', message: `${flag} ${value} is not ${wants}`, remedy: `Give ${wants}.`, fault: 'user' },
      { exit: 64 },
    );
  };
  if (options.account !== '' && !/^\d{12}$/.test(options.account))
    wrong('--account', options.account, 'an account id of 12 digits');
  if (options.oidcIssuer !== null && !/^https:\/\/[^\s?#]+$/.test(options.oidcIssuer))
    wrong('--oidc-issuer', options.oidcIssuer, 'an https URL without a query');
  const base = options.baseRoleArn;
  if (base !== null && parseRoleArn(`${base}${base.endsWith('/') ? '' : '/'}x`) === null)
    wrong('--base-role-arn', base, 'the beginning of a role ARN, as arn:aws:iam::111122223333:role/');
};
