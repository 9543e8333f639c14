import { type AllClients, createClients } from '../clients/clients.js';
import { RoleliftError } from '../model/error.js';
import type { Inventory } from '../model/inventory.js';
import { scan } from '../scan/collect.js';
import type { ScanOptions } from '../scan/options.js';
import type { Session } from './session.js';

/** Clients for whatever the user's kubeconfig and AWS settings reach; `lost` ends their calls where a lock is lost (H22). */
export const connectTo = (session: Session, lost?: AbortSignal): Promise<AllClients> =>
  createClients({
    kubeconfig: session.options.kubeconfig,
    context: session.options.context,
    region: session.options.region,
    profile: session.options.profile,
    accountProfiles: session.options.accountProfile ?? {},
    accountRoles: session.options.accountRole ?? {},
    maxRates: session.options.maxRate ?? {},
    signal: lost === undefined ? session.ended : AbortSignal.any([session.ended, lost]),
  });

export interface ScanWishes {
  readonly noAws?: boolean;
  readonly oidcIssuer?: string | undefined;
  readonly managementContext?: string | undefined;
  readonly sharing?: boolean;
}

/** Reads the live estate; a first Ctrl-C ends it, for nothing is written. */
export const scanLive = async (session: Session, clients: AllClients, wishes: ScanWishes = {}): Promise<Inventory> => {
  const options = session.options;
  const accounts: Record<string, string> = {};
  for (const [account, profile] of Object.entries(options.accountProfile ?? {}))
    accounts[account] = `profile:${profile}`;
  for (const [account, role] of Object.entries(options.accountRole ?? {})) accounts[account] = `role:${role}`;
  const given: ScanOptions = {
    context: clients.connection.clusterName,
    server: clients.connection.server,
    cluster: options.cluster ?? null,
    region: options.region ?? clients.region,
    oidcIssuer: wishes.oidcIssuer ?? null,
    accounts,
    account: null,
    noAws: wishes.noAws ?? false,
    namespaces: (options.namespace ?? []).filter((name) => !/[*?[\]]/.test(name)),
    excludeNamespaces: options.excludeNamespace ?? [],
    managementContext: wishes.managementContext ?? null,
    sharing: wishes.sharing ?? true,
    say: (message) => session.host.say(message),
  };
  return stoppable(session, scan(clients, given));
};

/** A read that the first Ctrl-C may end at once. */
export const stoppable = async <T>(session: Session, work: Promise<T>): Promise<T> => {
  const stopped = new Promise<never>((_resolve, reject) => {
    const stop = (): void =>
      reject(
        new RoleliftError(
          {
            code: 'RL806',
            message: 'stopped while reading',
            remedy: 'Nothing was changed. Run the same command again.',
            fault: 'user',
          },
          { exit: session.stopCode() ?? 130 },
        ),
      );
    if (session.stopping.aborted) stop();
    else session.stopping.addEventListener('abort', stop, { once: true });
  });
  return Promise.race([work, stopped]);
};
