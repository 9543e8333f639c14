import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { savePlan } from '../../src/cli/plan-directory.js';
import { createClients } from '../../src/clients/clients.js';
import type { HttpRequest } from '../../src/model/http.js';
import { defaultPlanOptions } from '../../src/model/options.js';
import type { Plan } from '../../src/model/plan.js';
import { plan as makePlan } from '../../src/planner/plan.js';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { serve } from '../../src/sandbox/serve.js';
import { scan } from '../../src/scan/collect.js';
import type { Estate } from '../faults/estates.js';

/** A sandbox of this process, served to processes of their own, with a plan directory for it. */
export interface Stand {
  readonly sandbox: Sandbox;
  readonly env: Readonly<Record<string, string>>;
  readonly plan: Plan;
  /** Options that reach the other accounts. */
  readonly reach: readonly string[];
  /** Folder around the plan directory. */
  readonly folder: string;
  readonly directory: string;
  /** The estate without the tool's own lock, list of runs and state. */
  estate(): string;
  /** Lines of the journal so far. */
  journal(): readonly {
    readonly type: string;
    readonly step?: string;
    readonly exit?: number;
    readonly gate?: string;
  }[];
  close(): Promise<void>;
}

const textOf = (sandbox: Sandbox): string => {
  const { kubernetes, ...rest } = sandbox.canonical() as { kubernetes: string };
  const objects = Object.entries(JSON.parse(kubernetes) as Record<string, unknown>).filter(
    ([key]) => !/leases:|rolelift-runs/.test(key),
  );
  return JSON.stringify({ ...rest, kubernetes: objects }).replaceAll(
    /("sts:ExternalId":)"[^"]+"/g,
    '$1"made up by EKS"',
  );
};

export const raise = async (estate: Estate): Promise<Stand> => {
  const sandbox = createSandbox({ scenario: estate.scenario });
  await sandbox.settled();
  const send = (request: HttpRequest, signal: AbortSignal) => sandbox.handle(request, signal);
  const { region } = estate.scenario.cluster;
  const place = 'http://127.0.0.1';
  const accountRoles = estate.accountRoles ?? {};
  const clients = await createClients({
    region,
    inProcess: { kubernetes: send, aws: send, server: place },
    accountRoles,
  });
  const accounts = Object.fromEntries(Object.entries(accountRoles).map(([id, role]) => [id, `role:${role}`]));
  const inventory = await scan(clients, { context: 'sandbox', server: place, region, accounts });
  const at = { createdAt: '2026-01-01T00:00:00Z', tool: 'test' };
  const plan = makePlan(inventory, { ...defaultPlanOptions, ...estate.options }, at);
  const folder = mkdtempSync(path.join(tmpdir(), 'rolelift-stand-'));
  const directory = path.join(folder, 'plan');
  await savePlan(directory, plan, inventory, '');
  sandbox.faults.forget();
  const served = await serve(sandbox);
  return {
    sandbox,
    env: served.env,
    plan,
    reach: Object.entries(accountRoles).flatMap(([id, role]) => ['--account-role', `${id}=${role}`]),
    folder,
    directory,
    estate: () => textOf(sandbox),
    journal() {
      try {
        const lines = readFileSync(path.join(directory, 'journal.jsonl'), 'utf8').split('\n');
        // The last one may be under way.
        return lines.slice(0, -1).map((line) => JSON.parse(line));
      } catch {
        return [];
      }
    },
    async close() {
      rmSync(folder, { recursive: true, force: true });
      await served.close();
      sandbox.stop();
    },
  };
};

/** Waits until it is so; a minute at most. */
export const until = async (what: string, so: () => boolean): Promise<void> => {
  const end = performance.now() + 60_000;
  while (!so()) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
};

/** Writes to the estate that arrived so far: without the tool's own lock, list of runs and state. */
export const writesTo = ({ sandbox }: Stand): number =>
  sandbox.faults.calls.filter(({ service, counted, url }) => counted && service !== 's3' && !/\/configmaps/.test(url))
    .length;

/** Once, while a process waits for the answer to its n-th write to the estate from now (carried out by then), something befalls. */
export const amidWrite = (stand: Stand, write: number, befalls: () => void | Promise<void>): void => {
  const { sandbox } = stand;
  const due = writesTo(stand) + write;
  const handle = sandbox.handle.bind(sandbox);
  sandbox.handle = async (request, signal) => {
    const before = writesTo(stand);
    const answer = await handle(request, signal);
    if (before < due && writesTo(stand) >= due) {
      sandbox.handle = handle;
      await befalls();
    }
    return answer;
  };
};
