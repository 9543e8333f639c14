import { canonical } from '../../model/canonical.js';
import type { JsonObject } from '../../model/json.js';
import {
  arnIn,
  badParameter,
  badRequest,
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
import { AwsFault } from './fault.js';
import type { AssociationRecord, EksCluster } from './records.js';

/** EKS's Pod Identity associations (EKS API Reference; one association per service account of a cluster). */

const summary = (cluster: string, each: AssociationRecord): JsonObject => ({
  clusterName: cluster,
  namespace: each.namespace,
  serviceAccount: each.serviceAccount,
  associationArn: each.arn,
  associationId: each.id,
  ...(each.ownerArn === null ? {} : { ownerArn: each.ownerArn }),
});
const full = (cluster: string, each: AssociationRecord): JsonObject => ({
  ...summary(cluster, each),
  roleArn: each.role,
  tags: each.tags,
  createdAt: seconds(each.createdAt),
  modifiedAt: seconds(each.createdAt),
  disableSessionTags: each.disableSessionTags,
  ...(each.targetRole === null ? {} : { targetRoleArn: each.targetRole, externalId: each.externalId ?? '' }),
  ...(each.policy === null ? {} : { policy: each.policy }),
});

const key = (namespace: string, serviceAccount: string): string => `${namespace}/${serviceAccount}`;

export const putAssociation = (cluster: EksCluster, record: AssociationRecord): EksCluster => ({
  ...cluster,
  associations: { ...cluster.associations, [key(record.namespace, record.serviceAccount)]: record },
});
export const dropAssociation = (cluster: EksCluster, record: AssociationRecord, at: number): EksCluster => ({
  ...cluster,
  ended: [...(cluster.ended ?? []), { association: record, at }],
  associations: Object.fromEntries(
    Object.entries(cluster.associations).filter(([name]) => name !== key(record.namespace, record.serviceAccount)),
  ),
});

export const newAssociation = (
  call: EksCall,
  cluster: EksCluster,
  fields: Pick<AssociationRecord, 'namespace' | 'serviceAccount' | 'role'> & Partial<AssociationRecord>,
): AssociationRecord => {
  const taken = cluster.associations[key(fields.namespace, fields.serviceAccount)];
  if (taken) throw inUse(`Association already exists: ${taken.id}`);
  const id = `a-${call.world.nextId('', 17).toLowerCase()}`;
  return {
    id,
    arn: arnIn(call, 'podidentityassociation', `${cluster.name}/${id}`),
    targetRole: null,
    externalId: null,
    disableSessionTags: false,
    policy: null,
    ownerArn: null,
    tags: {},
    createdAt: call.world.now(),
    ...fields,
  };
};

/** For a target role EKS makes the external id itself: Region, account, cluster and association (EKS User Guide, target roles). */
const externalIdFor = (call: EksCall, id: string): string =>
  `${call.region}/${call.account.id}/${call.path[0] ?? ''}/${id}`;

const byId = (call: EksCall, action: string, late: boolean): { cluster: EksCluster; found: AssociationRecord } => {
  const id = call.path[1] ?? '';
  const read = clusterOf(call, action, (name) => arnIn(call, 'podidentityassociation', `${name}/${id}`));
  const cluster = late ? read : current(call);
  const found = Object.values(cluster.associations).find((each) => each.id === id);
  if (!found) throw notFound(`Association not found: ${id}`);
  return { cluster, found };
};

const wanted = (
  call: EksCall,
): { role: string; targetRole: string | null; untagged: boolean; policy: string | null } => {
  const role = text(call.body['roleArn']);
  if (role === undefined) throw badParameter('roleArn is required');
  const untagged = call.body['disableSessionTags'] === true;
  const policy = text(call.body['policy']) ?? null;
  if (policy !== null && !untagged) throw badRequest('policy requires disableSessionTags to be true');
  return { role, targetRole: text(call.body['targetRoleArn']) ?? null, untagged, policy };
};

/** A repeated client request token gives what the first request made; with other content it is refused. */
const repeated = (call: EksCall): string | null => {
  const token = text(call.body['clientRequestToken']);
  const known = token === undefined ? undefined : call.world.tokens.get(token);
  if (!known) return null;
  if (known.request !== canonical(call.body))
    throw new AwsFault('InvalidRequestException', 400, 'The clientRequestToken was used with other parameters.');
  return known.made;
};
const remember = (call: EksCall, made: string): void => {
  const token = text(call.body['clientRequestToken']);
  if (token !== undefined)
    call.world.tokens = new Map([...call.world.tokens, [token, { request: canonical(call.body), made }]]);
};

export const associationOperations = {
  CreatePodIdentityAssociation: ((call) => {
    const asked = clusterOf(call, 'eks:CreatePodIdentityAssociation');
    if (Object.keys(texts(call.body['tags'])).length > 0)
      eksMay(call, 'eks:TagResource', arnIn(call, 'podidentityassociation', `${asked.name}/*`));
    const cluster = current(call);
    const namespace = text(call.body['namespace']);
    const serviceAccount = text(call.body['serviceAccount']);
    if (!namespace || !serviceAccount) throw badParameter('namespace and serviceAccount are required');
    const before = repeated(call);
    const again = Object.values(cluster.associations).find((each) => each.id === before);
    if (again) return { association: full(cluster.name, again) };
    const { role, targetRole, untagged, policy } = wanted(call);
    passRole(call, role);
    trustsPods(call, role, untagged);
    const made = newAssociation(call, cluster, {
      namespace,
      serviceAccount,
      role,
      targetRole,
      disableSessionTags: untagged,
      policy,
      tags: texts(call.body['tags']),
    });
    const record = targetRole === null ? made : { ...made, externalId: externalIdFor(call, made.id) };
    remember(call, record.id);
    storeCluster(call, putAssociation(cluster, record));
    return { association: full(cluster.name, record) };
  }) as EksOperation,

  UpdatePodIdentityAssociation: ((call) => {
    const { cluster, found } = byId(call, 'eks:UpdatePodIdentityAssociation', false);
    if (found.ownerArn !== null) throw badRequest(`Association ${found.id} is managed by ${found.ownerArn}`);
    const role = text(call.body['roleArn']) ?? found.role;
    passRole(call, role);
    trustsPods(call, role, call.body['disableSessionTags'] === true || found.disableSessionTags);
    const target = text(call.body['targetRoleArn']);
    const targetRole = target === undefined ? found.targetRole : target === '' ? null : target;
    const record: AssociationRecord = {
      ...found,
      role,
      targetRole,
      externalId: targetRole === null ? null : (found.externalId ?? externalIdFor(call, found.id)),
      disableSessionTags:
        typeof call.body['disableSessionTags'] === 'boolean'
          ? call.body['disableSessionTags']
          : found.disableSessionTags,
    };
    storeCluster(call, putAssociation(cluster, record));
    return { association: full(cluster.name, record) };
  }) as EksOperation,

  DeletePodIdentityAssociation: ((call) => {
    const { cluster, found } = byId(call, 'eks:DeletePodIdentityAssociation', false);
    if (found.ownerArn !== null) throw badRequest(`Association ${found.id} is managed by ${found.ownerArn}`);
    storeCluster(call, dropAssociation(cluster, found, call.world.now()));
    return { association: full(cluster.name, found) };
  }) as EksOperation,

  DescribePodIdentityAssociation: ((call) => {
    const { cluster, found } = byId(call, 'eks:DescribePodIdentityAssociation', true);
    return { association: full(cluster.name, found) };
  }) as EksOperation,

  ListPodIdentityAssociations: ((call) => {
    const cluster = clusterOf(call, 'eks:ListPodIdentityAssociations');
    const namespace = call.query.get('namespace');
    const serviceAccount = call.query.get('serviceAccount');
    const all = Object.values(cluster.associations).filter(
      (each) =>
        (namespace === null || each.namespace === namespace) &&
        (serviceAccount === null || each.serviceAccount === serviceAccount),
    );
    const { items, next } = eksPage(call, all);
    return { associations: items.map((each) => summary(cluster.name, each)), ...next };
  }) as EksOperation,

  TagResource: ((call) => {
    const arn = call.path[0] ?? '';
    const [, region, name, id] =
      /^arn:[^:]+:eks:([^:]+):\d{12}:podidentityassociation\/([^/]+)\/([^/]+)$/.exec(arn) ?? [];
    const at = { ...call, region: region ?? call.region, path: [name ?? '', id ?? ''] };
    const { cluster, found } = byId(at, 'eks:TagResource', false);
    storeCluster(at, putAssociation(cluster, { ...found, tags: { ...found.tags, ...texts(call.body['tags']) } }));
    return {};
  }) as EksOperation,
} as const;
