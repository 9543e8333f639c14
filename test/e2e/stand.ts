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
import type { Scenario } from '../../src/sandbox/scenario.js';
import { serve } from '../../src/sandbox/serve.js';
import { scan } from '../../src/scan/collect.js';
import type { Estate } from '../faults/estates.js';

/** A sandbox of this process, served to processes of their own, with a plan directory for it. */
export interface Stand {
  readonly sandbox: Sandbox;
  /** The cluster of clusters, where the estate has one. */
  readonly management: Sandbox | null;
  readonly env: Readonly<Record<string, string>>;
  readonly plan: Plan;
  /** Options that reach the other accounts, and the journal where it is not in the plan directory. */
  readonly reach: readonly string[];
  /** Folder around the plan directory. */
  readonly folder: string;
  readonly directory: string;
  /** The estate without the tool's own lock, list of runs and state. */
  estate(): string;
  /** Lines of the journal so far. */
  journal(): readonly Line[];
  close(): Promise<void>;
}

export interface Line {
  readonly type: string;
  readonly step?: string;
  readonly exit?: number;
  readonly gate?: string;
  readonly serverTime?: number | null;
}

export interface StandOptions {
  /** Keeps the journal in object storage, which the sandbox serves too: then each line of it is a write that the sandbox sees. */
  readonly stateInObjects?: boolean;
  /** Another cluster, by the name of its context, and what the scan is told of the first one. */
  readonly management?: {
    readonly context: string;
    readonly scenario: Scenario;
    readonly cluster: string;
    readonly server: string;
  };
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

const linesOf = (text: string): readonly Line[] =>
  // The last one may be under way.
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);

const bucket = 'stands';
const objectJournalOf = (sandbox: Sandbox): string => {
  const objects = [...sandbox.world.accounts.values()].flatMap((account) => [...account.objects.entries()]);
  return objects
    .filter(([key]) => key.startsWith(`${bucket}/`) && /\/journal\/\d+\.jsonl$/.test(key))
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([, { body }]) => body)
    .join('');
};
const fileJournalOf = (directory: string): string => {
  try {
    return readFileSync(path.join(directory, 'journal.jsonl'), 'utf8');
  } catch {
    return '';
  }
};

export const raise = async (estate: Estate, options: StandOptions = {}): Promise<Stand> => {
  const sandbox = createSandbox({ scenario: estate.scenario });
  const management = options.management === undefined ? null : createSandbox({ scenario: options.management.scenario });
  await sandbox.settled();
  const to = (one: Sandbox) => (request: HttpRequest, signal: AbortSignal) => one.handle(request, signal);
  const { region } = estate.scenario.cluster;
  const place = options.management?.server ?? 'http://127.0.0.1';
  const accountRoles = estate.accountRoles ?? {};
  const contexts =
    management === null || options.management === undefined ? {} : { [options.management.context]: to(management) };
  const clients = await createClients({
    region,
    inProcess: { kubernetes: to(sandbox), aws: to(sandbox), server: place, contexts },
    accountRoles,
  });
  const accounts = Object.fromEntries(Object.entries(accountRoles).map(([id, role]) => [id, `role:${role}`]));
  const inventory = await scan(clients, {
    context: 'sandbox',
    server: place,
    region,
    accounts,
    ...(options.management === undefined
      ? {}
      : { managementContext: options.management.context, cluster: options.management.cluster }),
  });
  const at = { createdAt: '2026-01-01T00:00:00Z', tool: 'test' };
  const plan = makePlan(inventory, { ...defaultPlanOptions, ...estate.options }, at);
  const folder = mkdtempSync(path.join(tmpdir(), 'rolelift-stand-'));
  const directory = path.join(folder, 'plan');
  await savePlan(directory, plan, inventory, '');
  sandbox.faults.forget();
  const served = await Promise.all([sandbox, ...(management === null ? [] : [management])].map((one) => serve(one)));
  const [first] = served;
  if (first === undefined) throw new Error('nothing is served');
  const state = `s3://${bucket}/prod`;
  return {
    sandbox,
    management,
    // Contexts of several files make one configuration, as kubectl has it.
    env: { ...first.env, KUBECONFIG: served.map(({ kubeconfig }) => kubeconfig).join(path.delimiter) },
    plan,
    reach: [
      ...Object.entries(accountRoles).flatMap(([id, role]) => ['--account-role', `${id}=${role}`]),
      ...(options.stateInObjects === true ? ['--state', state] : []),
    ],
    folder,
    directory,
    estate: () => [sandbox, ...(management === null ? [] : [management])].map(textOf).join('\n'),
    journal: () => linesOf(options.stateInObjects === true ? objectJournalOf(sandbox) : fileJournalOf(directory)),
    async close() {
      rmSync(folder, { recursive: true, force: true });
      await Promise.all(served.map((one) => one.close()));
      sandbox.stop();
      management?.stop();
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
