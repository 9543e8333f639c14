/**
 * Applies and rolls back a plan against its twin on a virtual clock, with a journal in memory and one on disk beside it.
 * `node moves.mjs INVENTORY COUNT`: one JSON object.
 */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inventoryWithAccount } from './account.mjs';

const [file, wanted] = process.argv.slice(2);
const count = Number(wanted);
const dist = '../../dist';
const { plan } = await import(`${dist}/planner/plan.js`);
const { defaultPlanOptions } = await import(`${dist}/model/options.js`);
const { twinOf } = await import(`${dist}/sandbox/twin.js`);
const { raiseTwin, forkTwin, Troupe } = await import(`${dist}/rehearsal/twin.js`);
const { playRun } = await import(`${dist}/rehearsal/play.js`);
const { apply } = await import(`${dist}/engine/execute.js`);
const { unwind } = await import(`${dist}/engine/unwind.js`);
const { registry } = await import(`${dist}/steps/registry.js`);
const { memoryStore } = await import(`${dist}/journal/memory-store.js`);
const { fileStore } = await import(`${dist}/journal/file-store.js`);
const { openJournal } = await import(`${dist}/journal/journal.js`);
const { rewind } = await import(`${dist}/planner/rewind.js`).catch(() => ({ rewind: null }));
void rewind;

const whole = inventoryWithAccount(JSON.parse(readFileSync(file, 'utf8')));
const named = (workload) => Number(/^app-(\d+)$/.exec(workload.ref.name)?.[1] ?? -1);
const inventory = {
  ...whole,
  workloads: whole.workloads
    .filter((workload) => named(workload) < count)
    .map((workload) => ({
      ...workload,
      replicas: workload.replicas === null ? null : 2,
      pods: workload.pods.slice(0, 2),
    })),
  nodes: whole.nodes.slice(0, 20),
  brokers: whole.brokers.map((install) => ({ ...install, nodes: 'all' })),
};
const made = plan(inventory, defaultPlanOptions, { createdAt: '2026-11-22T00:00:00Z', tool: 'bench' });
const iamRate = 10;
const rates = { 'iam-write': iamRate, 'iam-read': 50, 'eks-write': 5, 'eks-read': 20 };
const start = await raiseTwin(twinOf(inventory), { settings: { rates, useAfterMs: 100, useEveryMs: 60_000 } });
start.sandbox.cluster.setTimings({ readyMs: 30_000, terminateMs: 5_000 });
const troupe = await Troupe.of(start.sandbox.scenario);
const cast = { plan: made, registry, engine: { apply, unwind }, troupe };

/** One run, with what it asked of each service. */
const played = async (command, twin, store, options) => {
  const calls = {};
  let throttled = 0;
  let lost = 0;
  const writes = /^(?:Create|Put|Attach|Detach|Delete|Update|Add|Remove|Tag|Untag)/;
  const between = async (request, send, side) => {
    const answer = await send();
    const body = typeof answer.body === 'string' ? answer.body : '';
    if (answer.status === 429 || /<Code>Throttling|Rate exceeded|TooManyRequests/.test(body)) throttled++;
    const action = side === 'aws' ? (/(?:^|&)Action=(\w+)/.exec(request.body)?.[1] ?? '') : request.method;
    const kind =
      side === 'aws'
        ? writes.test(action)
          ? 'aws-write'
          : 'aws-read'
        : request.method === 'GET'
          ? 'kubernetes-read'
          : 'kubernetes-write';
    calls[kind] = (calls[kind] ?? 0) + 1;
    return answer;
  };
  const at = twin.clock.monotonic();
  const began = performance.now();
  const rollouts = new Map();
  const heard = (event) => {
    if (event.type === 'started') rollouts.set(event.step, twin.clock.monotonic());
  };
  const result = await playRun(cast, command, { twin, store, between, heard, ...options });
  for (const failure of result.failures ?? []) if (failure.code === 'RL713') lost++;
  return {
    result,
    virtual: twin.clock.monotonic() - at,
    wall: performance.now() - began,
    calls,
    throttled,
    lost,
  };
};

// How long one move's rollout takes when nothing else runs.
const alone = forkTwin(start);
const single = await played('apply', alone, memoryStore(), { apply: { yes: true, moves: [made.moves[0].id] } });
const twin = forkTwin(start);
const store = memoryStore();
const forth = await played('apply', twin, store, { apply: { yes: true, concurrency: 20 } });
const back = await played('rollback', twin, store, { unwind: { yes: true, concurrency: 20 } });

// The same records once more, on disk: what durability costs.
const folder = mkdtempSync(path.join(tmpdir(), 'rolelift-bench-'));
const events = (await openJournal(store, { clock: twin.clock, run: 'read', serverTime: () => null })).events;
const onDisk = fileStore(path.join(folder, 'journal.jsonl'));
const journal = await openJournal(onDisk, { clock: twin.clock, run: 'bench', serverTime: () => null });
const began = performance.now();
let records = 0;
for (const event of events) {
  const { seq, at, serverTime, run, checksum, ...rest } = event;
  void [seq, at, serverTime, run, checksum];
  await journal.append(rest);
  records++;
}
const journaled = performance.now() - began;

process.stdout.write(
  JSON.stringify({
    moves: made.moves.filter((move) => move.steps.length > 0).length,
    exit: [forth.result.exit, back.result.exit],
    failures: [forth.result.failures.length, back.result.failures.length],
    single: single.virtual,
    apply: forth.virtual,
    rollback: back.virtual,
    applyWall: forth.wall,
    rollbackWall: back.wall,
    calls: forth.calls,
    throttled: forth.throttled,
    lost: forth.lost,
    iamRate,
    records,
    journaled,
  }),
);
process.exit(0);
