import type { BrokerInstall, ContainerView, PodView } from '../model/inventory.js';

/** Command line of a broker's container, from the flags that were read. */
export const brokerArgs = (install: BrokerInstall): string[] => {
  const flags: Record<string, string> = { ...install.flags };
  const discovers =
    flags['role-base-arn-autodetect'] ?? flags['auto-discover-base-arn'] ?? flags['auto-discover-default-role'];
  const base = install.broker === 'kiam' ? 'role-base-arn' : 'base-role-arn';
  if (install.baseArn !== null && flags[base] === undefined && discovers === undefined && install.component !== 'agent')
    flags[base] = install.baseArn;
  const words = Object.entries(flags).map(([name, value]) => (value === 'true' ? `--${name}` : `--${name}=${value}`));
  return install.broker === 'kiam' ? [install.component === 'agent' ? 'agent' : 'server', ...words] : words;
};

/** The container of a broker, by its image's name; the only one where there is but one. */
export const brokerContainer = (install: BrokerInstall, view: PodView): ContainerView | undefined => {
  const normal = view.containers.filter((each) => each.kind === 'normal');
  return normal.find((each) => each.image.includes(install.broker) || each.name.includes(install.broker)) ?? normal[0];
};

/** An image by whose name and tag the sandbox knows the broker and its rules. */
export const imageOf = (install: BrokerInstall, image: string): string => {
  if (install.broker === 'kube2iam') return /kube2iam/.test(image) ? image : 'jtblin/kube2iam:twin';
  if (/(^|\/)kiam(-\w+)?[:@]/.test(image) && /:v?3(\.|$)/.test(image) === (install.rules === 'kiam-v3')) return image;
  return install.rules === 'kiam-v3' ? 'quay.io/uswitch/kiam:v3.6' : 'quay.io/uswitch/kiam:v4.2';
};
