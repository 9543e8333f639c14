import { lstat } from 'node:fs/promises';
import path from 'node:path';
import type { AllClients } from '../clients/clients.js';
import type { Host } from '../engine/run.js';
import type { Inventory } from '../model/inventory.js';
import type { RunState } from '../model/journal.js';
import { textAt } from '../model/json.js';
import type { Plan } from '../model/plan.js';
import { kubernetesRef } from '../model/resource.js';
import type { Looker } from '../verify/context.js';
import { evidenceFor } from '../verify/evidence.js';
import { oldWays } from '../verify/old-way.js';
import { files } from './plan-directory.js';
import type { Session } from './session.js';

export interface RunHostParts {
  readonly session: Session;
  readonly plan: Plan;
  readonly directory: string;
  readonly clients: AllClients;
  readonly looker: Looker;
  /** The journal's fold as it stands when asked. */
  readonly state: () => RunState;
  /** Reads the live estate; asked once, when first needed. */
  readonly scan: () => Promise<Inventory>;
}

/** Who we are and which cluster answers. */
export const identify = async (clients: AllClients) => {
  const [caller, user, system] = await Promise.all([
    clients.caller(),
    clients.kubernetes().whoAmI(),
    clients.kubernetes().get(kubernetesRef('v1', 'Namespace', undefined, 'kube-system')),
  ]);
  return {
    caller: { arn: caller.arn, account: caller.account, kubernetesUser: user },
    clusterUid: textAt(system, 'metadata', 'uid') ?? '',
    server: clients.connection.server,
  };
};

/** Who we are, as the cluster and the account tell it. */
export type Identified = Awaited<ReturnType<typeof identify>>;

/** The engine's questions, answered from the terminal, the plan directory and the live estate. */
export const runHost = (parts: RunHostParts): Host => {
  const { session, plan, directory, clients } = parts;
  let scanned: Promise<Inventory> | null = null;
  let asked: { readonly seq: number; readonly of: ReturnType<typeof oldWays> } | null = null;
  return {
    identity: () => identify(clients),
    paused: () =>
      lstat(path.join(directory, files.pause)).then(
        () => true,
        () => false,
      ),
    approve: async (_gate, question) => {
      if (session.options.yes) return { open: true, by: '--yes' };
      if (!session.interactive) return { open: false };
      const yes = await session.prompts.confirm(question, '--yes');
      return yes ? { open: true, by: process.env.USER ?? 'terminal' } : { open: false };
    },
    freshCredentials: async (error) => {
      if (!session.interactive) return false;
      await session.host.pause();
      session.host.error(error);
      return session.prompts.confirm('Log in in another terminal. Are the credentials fresh?', 'new credentials', true);
    },
    evidence: (move, since) => evidenceFor(parts.looker, move, since),
    oldWay: async (move) => {
      scanned ??= parts.scan();
      const live = await scanned;
      const state = parts.state();
      // All moves are asked about at one point of the journal: what it comes to is worked out once.
      if (asked?.seq !== state.lastSeq) asked = { seq: state.lastSeq, of: oldWays(live, plan, state) };
      return asked.of(move);
    },
  };
};
