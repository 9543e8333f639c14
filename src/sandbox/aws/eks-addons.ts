import { isObject, type JsonObject, objectAt, textAt } from '../../model/json.js';
import { type CatalogueEntry, catalogue } from './addon-catalogue.js';
import { dropAssociation, newAssociation, putAssociation } from './eks-associations.js';
import {
  arnIn,
  badParameter,
  clusterOf,
  current,
  type EksCall,
  type EksOperation,
  eksMay,
  eksPage,
  inUse,
  notFound,
  passRole,
  seconds,
  storeCluster,
  text,
  texts,
  trustsPods,
} from './eks-call.js';
import { installAgent, removeAgent } from './pod-identity-agent.js';
import type { AddonRecord, AssociationRecord, EksCluster, UpdateRecord } from './records.js';

/** EKS's add-ons (EKS API Reference). A change has its effect at once and is told as under way for a while. */

const owned = (cluster: EksCluster, addon: AddonRecord): readonly AssociationRecord[] =>
  Object.values(cluster.associations).filter((each) => each.ownerArn === addon.arn);

const statusOf = (call: EksCall, addon: AddonRecord): string =>
  addon.busy !== null && call.world.now() < addon.settlesAt
    ? addon.busy
    : addon.health.length > 0
      ? 'DEGRADED'
      : 'ACTIVE';

const shown = (call: EksCall, cluster: EksCluster, addon: AddonRecord): JsonObject => {
  const associations = owned(cluster, addon);
  return {
    addonName: addon.name,
    clusterName: cluster.name,
    status: statusOf(call, addon),
    addonVersion: addon.version,
    health: { issues: addon.health },
    addonArn: addon.arn,
    createdAt: seconds(addon.createdAt),
    modifiedAt: seconds(addon.modifiedAt),
    tags: addon.tags,
    ...(addon.role === null ? {} : { serviceAccountRoleArn: addon.role }),
    ...(addon.configurationValues === null ? {} : { configurationValues: addon.configurationValues }),
    ...(associations.length === 0 ? {} : { podIdentityAssociations: associations.map((each) => each.arn) }),
  };
};

const entryOf = (name: string): CatalogueEntry => {
  if (!Object.hasOwn(catalogue, name)) throw badParameter(`Addon ${name} specified is not supported`);
  return catalogue[name] as CatalogueEntry;
};
const find = (call: EksCall, action: string, late: boolean): { cluster: EksCluster; addon: AddonRecord } => {
  const name = call.path[1] ?? '';
  const read = clusterOf(call, action, (cluster) => arnIn(call, 'addon', `${cluster}/${name}/*`));
  const cluster = late ? read : current(call);
  const addon = Object.hasOwn(cluster.addons, name) ? cluster.addons[name] : undefined;
  if (!addon || (addon.busy === 'DELETING' && call.world.now() >= addon.settlesAt))
    throw notFound(`No addon: ${name} found in cluster: ${cluster.name}`);
  return { cluster, addon };
};

const roleIn = (call: EksCall): string | null => {
  const role = text(call.body['serviceAccountRoleArn']) ?? null;
  if (role !== null) passRole(call, role);
  return role;
};

/** Replaces the associations that the add-on owns; undefined leaves them. */
const associate = (call: EksCall, cluster: EksCluster, addon: AddonRecord): EksCluster => {
  const given = call.body['podIdentityAssociations'];
  if (!Array.isArray(given)) return cluster;
  const namespace = entryOf(addon.name).namespace;
  const listed = given.filter(isObject);
  const accounts = new Set(listed.map((each) => textAt(each, 'serviceAccount')));
  let next = cluster;
  for (const old of owned(cluster, addon))
    if (!accounts.has(old.serviceAccount)) next = dropAssociation(next, old, call.world.now());
  for (const each of listed) {
    const serviceAccount = textAt(each, 'serviceAccount') ?? '';
    const role = textAt(each, 'roleArn') ?? '';
    if (serviceAccount === '' || role === '') throw badParameter('serviceAccount and roleArn are required');
    eksMay(call, 'eks:CreatePodIdentityAssociation', cluster.arn);
    passRole(call, role);
    trustsPods(call, role);
    const old = next.associations[`${namespace}/${serviceAccount}`];
    if (old && old.ownerArn !== addon.arn)
      throw inUse(`Association for ${namespace}/${serviceAccount} already exists: ${old.id}`);
    const record = old
      ? { ...old, role }
      : newAssociation(call, next, { namespace, serviceAccount, role, ownerArn: addon.arn });
    next = putAssociation(next, record);
  }
  return next;
};

/** What EKS writes into the cluster for a role: the annotation of the add-on's service account, as field manager `eks`. */
const annotate = (call: EksCall, cluster: EksCluster, addon: AddonRecord): void => {
  const view = call.view(cluster.name);
  const entry = entryOf(addon.name);
  const account = entry.identities[0]?.serviceAccount;
  if (!view || account === undefined) return;
  const object = view.get('v1', 'ServiceAccount', entry.namespace, account);
  if (!object) return;
  const metadata = objectAt(object, 'metadata');
  const { 'eks.amazonaws.com/role-arn': old, ...others } = texts(metadata['annotations']);
  const role = addon.role ?? undefined;
  if (old === role) return;
  const annotations = role === undefined ? others : { ...others, 'eks.amazonaws.com/role-arn': role };
  view.put({ ...object, metadata: { ...metadata, annotations } });
};

/** A changed association restarts the add-on's workload (EKS User Guide, add-ons and Pod Identity). */
const restart = (call: EksCall, cluster: EksCluster, addon: AddonRecord): void => {
  const view = call.view(cluster.name);
  const entry = entryOf(addon.name);
  const [kind, name] = (entry.workload ?? '/').split('/') as [string, string];
  const object = view?.get('apps/v1', kind, entry.namespace, name);
  if (!view || !object) return;
  const spec = objectAt(object, 'spec');
  const template = objectAt(spec, 'template');
  const metadata = objectAt(template, 'metadata');
  const annotations = {
    ...texts(metadata['annotations']),
    'kubectl.kubernetes.io/restartedAt': new Date(call.world.now()).toISOString(),
  };
  view.put({ ...object, spec: { ...spec, template: { ...template, metadata: { ...metadata, annotations } } } });
};

const updateShown = (call: EksCall, update: UpdateRecord): JsonObject => ({
  id: update.id,
  type: update.type,
  status: call.world.now() < update.settlesAt ? 'InProgress' : update.error === null ? 'Successful' : 'Failed',
  params: update.params,
  createdAt: seconds(update.createdAt),
  errors: update.error === null ? [] : [{ errorCode: 'Unknown', errorMessage: update.error }],
});

export const addonOperations = {
  ListAddons: ((call) => {
    const cluster = clusterOf(call, 'eks:ListAddons');
    const gone = (addon: AddonRecord): boolean => addon.busy === 'DELETING' && call.world.now() >= addon.settlesAt;
    const names = Object.values(cluster.addons).filter((each) => !gone(each));
    const { items, next } = eksPage(
      call,
      names.map((each) => each.name),
    );
    return { addons: items, ...next };
  }) as EksOperation,

  DescribeAddon: ((call) => {
    const { cluster, addon } = find(call, 'eks:DescribeAddon', true);
    return { addon: shown(call, cluster, addon) };
  }) as EksOperation,

  CreateAddon: ((call) => {
    const read = clusterOf(call, 'eks:CreateAddon');
    if (Object.keys(texts(call.body['tags'])).length > 0)
      eksMay(call, 'eks:TagResource', arnIn(call, 'addon', `${read.name}/${text(call.body['addonName']) ?? ''}/*`));
    const cluster = current(call) ?? read;
    const name = text(call.body['addonName']) ?? '';
    const entry = entryOf(name);
    const old = Object.hasOwn(cluster.addons, name) ? cluster.addons[name] : undefined;
    if (old && !(old.busy === 'DELETING' && call.world.now() >= old.settlesAt)) throw inUse(`Addon already exists.`);
    const version = text(call.body['addonVersion']) ?? (entry.versions[0] as string);
    if (!entry.versions.includes(version)) throw badParameter(`Addon version specified is not supported`);
    const at = call.world.now();
    const addon: AddonRecord = {
      name,
      arn: arnIn(call, 'addon', `${cluster.name}/${name}/${call.world.nextId('', 8).toLowerCase()}`),
      version,
      role: roleIn(call),
      configurationValues: text(call.body['configurationValues']) ?? null,
      tags: texts(call.body['tags']),
      createdAt: at,
      modifiedAt: at,
      busy: 'CREATING',
      settlesAt: at + call.world.settings.addonMs,
      health: [],
    };
    const next = associate(call, { ...cluster, addons: { ...cluster.addons, [name]: addon } }, addon);
    storeCluster(call, next);
    if (name === 'eks-pod-identity-agent') installAgent(call.view(cluster.name), version);
    annotate(call, next, addon);
    return { addon: shown(call, next, addon) };
  }) as EksOperation,

  UpdateAddon: ((call) => {
    const { cluster, addon } = find(call, 'eks:UpdateAddon', false);
    if (statusOf(call, addon) === 'UPDATING' || statusOf(call, addon) === 'CREATING')
      throw inUse(`Cannot update the addon as it is currently in ${statusOf(call, addon)} state`);
    const entry = entryOf(addon.name);
    const version = text(call.body['addonVersion']) ?? addon.version;
    if (version !== addon.version && !entry.versions.includes(version))
      throw badParameter('Addon version specified is not supported');
    const at = call.world.now();
    const changed: AddonRecord = {
      ...addon,
      version,
      // Not resent is dropped: what Terraform and eksctl guard against by always sending it again.
      role: roleIn(call),
      configurationValues: text(call.body['configurationValues']) ?? addon.configurationValues,
      modifiedAt: at,
      busy: 'UPDATING',
      settlesAt: at + call.world.settings.addonMs,
    };
    const update: UpdateRecord = {
      id: `${call.world.nextId('', 8)}-0000-4000-8000-${call.world.nextId('', 12)}`.toLowerCase(),
      addon: addon.name,
      type: 'AddonUpdate',
      params: Object.entries(call.body)
        .filter(([name]) => name !== 'clientRequestToken')
        .map(([name, value]) => ({
          type: name.charAt(0).toUpperCase() + name.slice(1),
          value: typeof value === 'string' ? value : JSON.stringify(value),
        })),
      createdAt: at,
      settlesAt: at + call.world.settings.addonMs,
      error: null,
    };
    const next = associate(
      call,
      { ...cluster, addons: { ...cluster.addons, [addon.name]: changed }, updates: [...cluster.updates, update] },
      changed,
    );
    storeCluster(call, next);
    annotate(call, next, changed);
    if (next.associations !== cluster.associations || version !== addon.version) restart(call, next, changed);
    return { update: updateShown(call, update) };
  }) as EksOperation,

  DeleteAddon: ((call) => {
    const { cluster, addon } = find(call, 'eks:DeleteAddon', false);
    const preserve = call.query.get('preserve') === 'true';
    let next = cluster;
    if (!preserve) for (const each of owned(cluster, addon)) next = dropAssociation(next, each, call.world.now());
    const leaving: AddonRecord = {
      ...addon,
      busy: 'DELETING',
      settlesAt: call.world.now() + call.world.settings.addonMs,
    };
    storeCluster(call, { ...next, addons: { ...next.addons, [addon.name]: leaving } });
    if (addon.name === 'eks-pod-identity-agent' && !preserve) removeAgent(call.view(cluster.name));
    return { addon: shown(call, next, leaving) };
  }) as EksOperation,

  DescribeUpdate: ((call) => {
    const cluster = clusterOf(call, 'eks:DescribeUpdate');
    const of = call.query.get('addonName');
    if (of !== null) eksMay(call, 'eks:DescribeUpdate', arnIn(call, 'addon', `${cluster.name}/${of}/*`));
    const update = cluster.updates.find((each) => each.id === call.path[1]);
    if (!update) throw notFound(`No update found for ID: ${call.path[1] ?? ''}`);
    return { update: updateShown(call, update) };
  }) as EksOperation,

  DescribeAddonVersions: ((call) => {
    eksMay(call, 'eks:DescribeAddonVersions', '*');
    const wanted = call.query.get('addonName');
    return {
      addons: Object.entries(catalogue)
        .filter(([name]) => wanted === null || name === wanted)
        .map(([name, entry]) => ({
          addonName: name,
          type: 'networking',
          publisher: 'eks',
          owner: 'aws',
          defaultNamespace: entry.namespace,
          addonVersions: entry.versions.map((version, index) => ({
            addonVersion: version,
            architecture: ['amd64', 'arm64'],
            computeTypes: ['ec2', 'auto'],
            requiresConfiguration: false,
            requiresIamPermissions: entry.requiresIam,
            compatibilities: [
              {
                clusterVersion: call.query.get('kubernetesVersion') ?? '1.33',
                platformVersions: ['*'],
                defaultVersion: index === 0,
              },
            ],
          })),
        })),
    };
  }) as EksOperation,

  DescribeAddonConfiguration: ((call) => {
    eksMay(call, 'eks:DescribeAddonConfiguration', '*');
    const name = call.query.get('addonName') ?? '';
    const entry = entryOf(name);
    return {
      addonName: name,
      addonVersion: call.query.get('addonVersion') ?? (entry.versions[0] as string),
      configurationSchema: '{"type":"object"}',
      podIdentityConfiguration: entry.identities.map((each) => ({
        serviceAccount: each.serviceAccount,
        recommendedManagedPolicies: each.policies.map(
          (policy) => `arn:${call.account.partition}:iam::aws:policy/${policy}`,
        ),
      })),
    };
  }) as EksOperation,
} as const;
