import { describe, expect, it } from 'vitest';
import { identify } from '../../src/cli/run-host.js';
import { createClients } from '../../src/clients/clients.js';
import type { Host } from '../../src/engine/run.js';
import { fold } from '../../src/journal/fold.js';
import { takeLease } from '../../src/journal/lease-lock.js';
import { type MemoryStore, memoryStore } from '../../src/journal/memory-store.js';
import { recordRun } from '../../src/journal/run-registry.js';
import type { HttpRequest } from '../../src/model/http.js';
import type { Inventory } from '../../src/model/inventory.js';
import { isObject, type JsonObject } from '../../src/model/json.js';
import { defaultPlanOptions } from '../../src/model/options.js';
import type { Plan } from '../../src/model/plan.js';
import { kubernetesRef } from '../../src/model/resource.js';
import { type Needs, needsOf } from '../../src/permissions/needs.js';
import { plan as makePlan } from '../../src/planner/plan.js';
import { VirtualClock } from '../../src/sandbox/clock.js';
import type { Fault } from '../../src/sandbox/faults.js';
import type { UsedRight } from '../../src/sandbox/rights.js';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { scan } from '../../src/scan/collect.js';
import { scanReads } from '../../src/scan/reads.js';
import { type MoveProof, verifyMoves } from '../../src/verify/verify.js';
import { type Estate, estates } from '../faults/estates.js';
import { actorOf, run, textOf } from '../faults/stage.js';
import { covers, type Grant, grantsOf, grantText, usedText } from './granted.js';
import { rich } from './rich-estate.js';

const server = 'http://sandbox.invalid';
const region = 'eu-west-1';
const options = { proveToken: false, lock: 'kube-system/rolelift', runsNamespace: 'kube-system', region };

/** What may be granted though these runs never use it, each with why. Everything else that is unused is a mistake. */
const spared: readonly { readonly why: string; readonly is: (grant: Grant, sandbox: Sandbox) => boolean }[] = [
  {
    why: 'a kind that this cluster does not serve: the right to list it gives nothing until its owner installs it',
    is: (grant, sandbox) =>
      grant.api === 'kubernetes' && ['list', 'get'].includes(grant.verb) && !served(sandbox, grant),
  },
  {
    why: 'owners of pods that have any: no pod here belongs to such a custom resource',
    is: (grant) =>
      grant.api === 'kubernetes' &&
      grant.verb === 'get' &&
      scanReads.owners.some(({ apiVersion }) => apiVersion.split('/')[0] === grant.group),
  },
  {
    why: 'the webhook of this simulated cluster is reached by a URL; only one that runs in the cluster has a Service',
    is: (grant) =>
      grant.api === 'kubernetes' &&
      grant.name === null &&
      ['endpointslices', 'endpoints', 'services'].includes(grant.resource),
  },
  {
    why: 'a pod is deleted only where it still carries the new identity after the rollout back (H1): see the tests of restarts',
    is: (grant) => grant.api === 'kubernetes' && grant.verb === 'delete' && grant.resource === 'pods',
  },
];

const served = (sandbox: Sandbox, grant: Grant): boolean => {
  if (grant.api !== 'kubernetes' || grant.group === '') return true;
  const builtIn =
    /^(?:apps|batch|policy|autoscaling|(?:rbac\.authorization|networking|discovery|coordination|admissionregistration)\.k8s\.io)$/.test(
      grant.group,
    );
  const crds = sandbox.view.list('apiextensions.k8s.io/v1', 'CustomResourceDefinition');
  return (
    builtIn ||
    crds.some(({ metadata }) => isObject(metadata) && metadata['name'] === `${grant.resource}.${grant.group}`)
  );
};

interface Stage {
  readonly sandbox: Sandbox;
  readonly clock: VirtualClock;
  readonly plan: Plan;
}

const clientsFor = (estate: Estate, sandbox: Sandbox, clock?: VirtualClock) => {
  const send = (request: HttpRequest, signal: AbortSignal) => sandbox.handle(request, signal);
  return createClients({
    region,
    ...(clock === undefined ? {} : { clock }),
    inProcess: { kubernetes: send, aws: send, server },
    accountRoles: estate.accountRoles ?? {},
  });
};
const read = async (estate: Estate, sandbox: Sandbox, clock?: VirtualClock, sharing = true): Promise<Inventory> =>
  scan(await clientsFor(estate, sandbox, clock), {
    context: 'sandbox',
    server,
    region,
    managementContext: 'twin',
    sharing,
  });

let warmed: Promise<unknown> | null = null;

const begin = async (estate: Estate): Promise<Stage> => {
  const scenario = rich(estate);
  // The SDK loads parts of itself when they are first used; on a virtual clock that must have happened before.
  warmed ??= read(estate, createSandbox({ scenario }));
  await warmed;
  const clock = new VirtualClock();
  const sandbox = createSandbox({ scenario, clock, authorise: { rbac: [] } });
  sandbox.limit(null);
  await clock.advance(60_000);
  const inventory = await clock.drive(read(estate, sandbox, clock));
  const plan = makePlan(
    inventory,
    { ...defaultPlanOptions, ...estate.options },
    { createdAt: '2026-01-01T00:00:00Z', tool: 'test' },
  );
  return { sandbox, clock, plan };
};

/** The management cluster is the same one here: its roles need names of their own. */
const renamed = (objects: readonly JsonObject[]): readonly JsonObject[] =>
  JSON.parse(JSON.stringify(objects).replaceAll('"rolelift-', '"management-')) as readonly JsonObject[];

const limitTo = (sandbox: Sandbox, needs: Needs): void => {
  sandbox.rights.forget();
  sandbox.limit({
    iam: needs.iam,
    rbac: [...needs.rbac, ...renamed(Object.values(needs.clusters ?? {}).flat())],
    accounts: needs.accounts ?? {},
  });
};

/** What the command does around the engine: who we are, the lock, the list of runs, the fresh scan. */
const around = async (
  estate: Estate,
  { sandbox, clock, plan }: Stage,
  command: 'apply' | 'rollback',
): Promise<Inventory> => {
  const clients = await clientsFor(estate, sandbox, clock);
  const kubernetes = clients.kubernetes();
  await Promise.all([
    clients.caller(),
    kubernetes.whoAmI(),
    kubernetes.get(kubernetesRef('v1', 'Namespace', undefined, 'kube-system')),
  ]);
  const lease = await takeLease({
    kubernetes,
    clock,
    namespace: 'kube-system',
    name: 'rolelift',
    holder: 'test',
    isOurs: () => true,
  });
  const entry = {
    run: 'r',
    command,
    planId: plan.id,
    plan: plan.digest,
    state: 'local:here:/plan',
    holder: 'test',
    tool: 'test',
    startedAt: '2026-01-01T00:00:00Z',
    endedAt: null,
    exit: null,
  };
  await recordRun(kubernetes, 'kube-system', entry);
  const inventory = await read(estate, sandbox, clock, command === 'apply');
  await recordRun(kubernetes, 'kube-system', { ...entry, exit: 0 });
  await lease.release();
  return inventory;
};

const refusals = (inventory: Inventory): readonly string[] =>
  inventory.gaps.filter(({ reason }) => /RL703/.test(reason)).map(({ area }) => area);

/** What `verify` and `status` do, with everything that may be asked of them: who we are, proofs, tokens, probe pods, a scan. */
const verifyAll = async (estate: Estate, { sandbox, clock, plan }: Stage, store: MemoryStore) => {
  const clients = await clientsFor(estate, sandbox, clock);
  await identify(clients);
  const proofs = await verifyMoves(
    {
      plan,
      clients,
      clock,
      signal: new AbortController().signal,
      say: () => undefined,
      run: 'verify-1',
      proveToken: true,
      probeImage: 'example.com/aws-cli:2',
    },
    fold(store.events),
  );
  return { proofs, inventory: await read(estate, sandbox, clock, false) };
};

/** Fails what takes a move over its edge, so that it is undone: the write that starts a rollout. */
const breakage: readonly Fault[] = [
  { service: 'kubernetes', action: 'PATCH /apis/apps/v1/*', code: 'Invalid', status: 422 },
  { service: 'eks', action: 'UpdateAddon', code: 'InvalidParameterException', status: 400 },
];

const unusedOf = (sandbox: Sandbox, granted: readonly Grant[], used: readonly UsedRight[]): readonly string[] =>
  granted
    .filter((grant) => !used.some((right) => covers(grant, right)))
    .filter((grant) => !spared.some(({ is }) => is(grant, sandbox)))
    .map(grantText);

const refused = (used: readonly UsedRight[]): readonly string[] => used.filter(({ allowed }) => !allowed).map(usedText);

/** Verifies a moved estate with the rights that are printed for it: enough, and none unused. */
const verified = async (estate: Estate, stage: Stage, store: MemoryStore): Promise<readonly MoveProof[]> => {
  const { sandbox, clock, plan } = stage;
  const accountRoles = estate.accountRoles ?? {};
  const needs = needsOf(plan, 'verify', { ...options, proveToken: true, probe: true, accountRoles });
  limitTo(sandbox, needs);
  const { proofs, inventory } = await clock.drive(verifyAll(estate, stage, store));
  const { used } = sandbox.rights;
  sandbox.limit(null);
  expect(refused(used)).toEqual([]);
  expect(refusals(inventory)).toEqual([]);
  expect(unusedOf(sandbox, grantsOf(needs, plan.cluster.accountId), used)).toEqual([]);
  return proofs;
};

describe.each(estates)('permissions for $title', (estate) => {
  it('are enough for apply, a failing apply, verify and rollback, and nothing in them is unused', async () => {
    const stage = await begin(estate);
    const { sandbox, clock, plan } = stage;
    const actor = actorOf(estate, plan);
    const moment = { sandbox, clock, store: memoryStore() };
    const home = plan.cluster.accountId;
    const used = new Map<string, UsedRight>();
    const granted = new Map<string, Grant>();
    const exits: number[] = [];
    const proofs: MoveProof[] = [];
    const before = textOf(sandbox);
    // Where others deliver, the undo of a failed move would wait for them.
    const handed = plan.steps.some(({ kind }) => kind === 'wait-for-handoff');
    const reported = plan.steps.some(({ params }) => params['looks'] !== undefined);
    for (const [name, faults, opens] of [
      ...(handed ? [] : [['apply', breakage, []] as const]),
      // Evidence is looked for first; then a person answers what cannot be seen.
      ['apply', [], []],
      ['apply', [], ['proof-of-use']],
      ['apply', [], ['proof-of-use', 'evidence']],
      ['rollback', [], []],
    ] as const) {
      if (name === 'rollback') proofs.push(...(await verified(estate, stage, moment.store)));
      const needs = needsOf(plan, name, { ...options, accountRoles: estate.accountRoles ?? {} });
      limitTo(sandbox, needs);
      if (opens.length === 0) expect(refusals(await clock.drive(around(estate, stage, name)))).toEqual([]);
      sandbox.faults.add(...faults);
      // A report of last uses tells of them four hours late.
      if (reported && opens.length === 1) await clock.advance(5 * 3_600_000);
      const host: Partial<Host> = {
        approve: async ({ kind }) =>
          !['proof-of-use', 'evidence'].includes(kind) || (opens as readonly string[]).includes(kind)
            ? { open: true, by: 'a person' }
            : { open: false },
      };
      const wishes = { host, ...(name === 'apply' ? { apply: { acceptUnproven: [] } } : {}) };
      exits.push((await run(actor, moment, name, wishes)).exit);
      sandbox.faults.clear();
      for (const right of sandbox.rights.used) {
        expect(right.allowed, `refused: ${usedText(right)}`).toBe(true);
        used.set(JSON.stringify(right), right);
      }
      for (const grant of grantsOf(needs, home)) granted.set(JSON.stringify(grant), grant);
      sandbox.limit(null);
    }
    expect(proofs.length).toBeGreaterThan(0);
    expect(proofs.filter(({ state, proof }) => state !== 'proven' || proof !== 'used')).toEqual([]);
    expect(exits.slice(-2)).toEqual([0, 0]);
    expect(exits[0]).toBe(handed ? 3 : 1);
    expect(unusedOf(sandbox, [...granted.values()], [...used.values()])).toEqual([]);
    sandbox.view.remove('coordination.k8s.io/v1', 'Lease', 'kube-system', 'rolelift');
    sandbox.view.remove('v1', 'ConfigMap', 'kube-system', 'rolelift-runs');
    expect(textOf(sandbox)).toBe(before);
  });
});
