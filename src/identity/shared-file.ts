import type { ContainerView, PodView } from '../model/inventory.js';
import { textAt } from '../model/json.js';
import { parseRoleArn } from '../model/resource.js';
import type { Offer } from './types.js';
import type { World } from './world.js';

/**
 * A shared credentials file: named by AWS_SHARED_CREDENTIALS_FILE or AWS_CONFIG_FILE, or mounted where SDKs look by
 * themselves (`~/.aws`). Its content is a Secret and never read; only zalando's controller tells the role, in its resource.
 */
export const sharedFile = (view: PodView, container: ContainerView, world: World): Offer | null => {
  const named =
    fileOf(container, 'AWS_SHARED_CREDENTIALS_FILE') ??
    // A config file alone may hold a region only; with a Secret behind it, it is taken for credentials.
    fileOf(container, 'AWS_CONFIG_FILE');
  const mount = container.mounts.find((one) =>
    named ? inside(named, one.path) : /(?:^|\/)\.aws\/?(?:credentials)?$/.test(one.path),
  );
  const volume = mount ? view.volumes.find((one) => one.name === mount.volume) : undefined;
  if (named === null && !volume) return null;
  const explicit = container.env.includes('AWS_SHARED_CREDENTIALS_FILE');
  if (!explicit && volume?.secret === undefined) return null;
  const path = named ?? mount?.path ?? '';
  const zalando = volume?.secret === undefined ? null : zalandoRole(world, view.namespace, volume.secret);
  return {
    source: { kind: 'shared-file', path, controller: zalando ? 'zalando' : null },
    role: zalando?.role ?? null,
    assumable: zalando?.role ? 'yes' : 'unknown',
    why: zalando
      ? `kube-aws-iam-controller writes the file from AWSIAMRole ${view.namespace}/${volume?.secret}`
      : `a credentials file is mounted at ${path}; what it holds is not read`,
    code: null,
  };
};

const fileOf = (container: ContainerView, variable: string): string | null => {
  if (!container.env.includes(variable)) return null;
  return Object.hasOwn(container.identityEnv, variable) ? (container.identityEnv[variable] ?? '') : '';
};

const inside = (file: string, mount: string): boolean => {
  const base = mount.replace(/\/+$/, '');
  return file === base || file.startsWith(`${base}/`);
};

/** Role of the AWSIAMRole whose Secret (of the same name) is mounted (zalando-incubator/kube-aws-iam-controller). */
const zalandoRole = (world: World, namespace: string, secret: string): { readonly role: string | null } | null => {
  const found = world.inventory.objects.find(
    (one) => one.ref.kind === 'AWSIAMRole' && one.ref.namespace === namespace && one.ref.name === secret,
  );
  if (!found) return null;
  const role = textAt(found.raw, 'status', 'roleARN') ?? textAt(found.raw, 'spec', 'roleReference') ?? '';
  if (parseRoleArn(role)) return { role };
  const install = world.inventory.brokers.find((one) => one.broker === 'zalando');
  const base = install?.baseArn ?? null;
  return { role: base === null || role === '' ? null : `${base}${role}` };
};
