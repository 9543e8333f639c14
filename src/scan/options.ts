import type { Say } from '../model/message.js';

/** Who and what a scan looks at, as far as the clients' ports do not tell it. */
export interface ScanOptions {
  /** Name of the kubeconfig's cluster entry; often the cluster's ARN. */
  readonly context: string;
  /** URL of the API server. */
  readonly server: string;
  /** `--cluster`: the EKS cluster's name. */
  readonly cluster: string | null;
  readonly region: string | null;
  /** `--oidc-issuer` */
  readonly oidcIssuer: string | null;
  /** Credentials by account id, as `profile:NAME` or `role:ARN`; accounts that are not named use none but the default's own. */
  readonly accounts: Readonly<Record<string, string>>;
  /** Account of the default credentials where it is known already; else it is asked. */
  readonly account: string | null;
  readonly noAws: boolean;
  /** Names (no globs needed here) that are tried one by one where a list of the whole cluster is refused. */
  readonly namespaces: readonly string[];
  readonly excludeNamespaces: readonly string[];
  /** Second context, where the management cluster of a Giant Swarm installation is. */
  readonly managementContext: string | null;
  /** Whether other Regions and clusters are looked at for users of the node roles (H13); many calls. */
  readonly sharing: boolean;
  readonly say: Say;
}

export const defaultScanOptions: ScanOptions = {
  context: '',
  server: '',
  cluster: null,
  region: null,
  oidcIssuer: null,
  accounts: {},
  account: null,
  noAws: false,
  namespaces: [],
  excludeNamespaces: [],
  managementContext: null,
  sharing: true,
  say: () => undefined,
};
