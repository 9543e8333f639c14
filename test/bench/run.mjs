/**
 * `npm run bench`: what the program costs, as ratios within one run, beside their targets. Times of a shared machine tell nothing by
 * themselves; each is the least of several. BENCH_PODS (20000) and BENCH_MOVES (500) make it smaller.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';

const here = import.meta.dirname;
const program = path.resolve(here, '../../dist/cli/main.js');
const many = Number(process.env.BENCH_PODS ?? 20_000);
const few = Math.round(many / 10);
const moveCount = Number(process.env.BENCH_MOVES ?? 500);
const folder = mkdtempSync(path.join(tmpdir(), 'rolelift-bench-'));
const say = (text) => process.stderr.write(`${text}\n`);

const node = (args) =>
  new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
    });
    child.on('close', (code) =>
      code === 0
        ? resolve({ out, ms: performance.now() - began })
        : reject(new Error(`node ${args.join(' ')} ended with ${code}`)),
    );
  });
const part = async (name, ...args) => JSON.parse((await node([path.join(here, `${name}.mjs`), ...args])).out);
const least = async (times, measure) => {
  const all = [];
  for (let at = 0; at < times; at++) all.push(await measure());
  return all.reduce((best, one) => (one.ms < best.ms ? one : best));
};

/** Runs something against an API server of that size in a process of its own. */
const served = async (pods, latency, act) => {
  const child = spawn(process.execPath, [path.join(here, 'server.mjs'), String(pods), String(latency)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port, bytes] = await new Promise((resolve) =>
    child.stdout.once('data', (text) => resolve(String(text).split(' '))),
  );
  try {
    return await act(port, Number(bytes));
  } finally {
    child.kill();
  }
};

/** Milliseconds from the start of `rolelift scan` to its first request. */
const firstRequest = () =>
  new Promise((resolve, reject) => {
    let child;
    let began = 0;
    const server = http.createServer((_request, response) => {
      resolve({ ms: performance.now() - began });
      child.kill('SIGKILL');
      response.destroy();
      server.close();
    });
    server.listen(0, '127.0.0.1', () => {
      const kubeconfig = path.join(folder, 'kubeconfig');
      const at = { name: 'bench', cluster: { server: `http://127.0.0.1:${server.address().port}` } };
      const context = { name: 'bench', context: { cluster: 'bench', user: 'bench' } };
      const users = [{ name: 'bench', user: { token: 'bench' } }];
      const whole = {
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'bench',
        clusters: [at],
        contexts: [context],
        users,
      };
      writeFileSync(kubeconfig, JSON.stringify(whole));
      began = performance.now();
      child = spawn(process.execPath, [program, 'scan', '--no-aws', '--kubeconfig', kubeconfig], { stdio: 'ignore' });
      child.on('error', reject);
      child.on('close', () => reject(new Error('the scan ended before its first request')));
    });
  });

const rows = [];
const row = (what, value, target, unit = '×', more = '') => {
  const ok =
    target === null
      ? ''
      : (target.atLeast === undefined ? value <= target.atMost : value >= target.atLeast)
        ? 'ok'
        : 'MISSED';
  const bound =
    target === null ? '' : target.atLeast === undefined ? `≤ ${target.atMost} ${unit}` : `≥ ${target.atLeast} ${unit}`;
  rows.push([what, `${value.toFixed(value < 10 ? 2 : 0)} ${unit}`, bound, ok, more]);
};
const atMost = (value) => ({ atMost: value });
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const megabytes = (bytes) => `${Math.round(bytes / 2 ** 20)} MB`;

try {
  say(`scan of ${many} pods, ${many / 4} Deployments and their service accounts`);
  const bare = await least(5, async () => {
    const { out, ms } = await node(['-p', 'process.resourceUsage().maxRSS * 1024']);
    return { ms, peak: Number(out) };
  });
  const large = path.join(folder, 'large.json');
  const small = path.join(folder, 'small.json');
  const calm = await served(many, 0, async (port, bytes) => ({
    bytes,
    floor: await least(3, () => part('floor', port)),
    scan: await least(3, () => part('scan', port, large)),
  }));
  const distant = await served(many, 25, async (port) => ({
    floor: await part('floor', port),
    scan: await least(2, () => part('scan', port)),
  }));
  const little = await served(few, 0, (port) => least(3, () => part('scan', port, small)));
  row(
    'scan against the JSON floor, wall time',
    calm.scan.ms / calm.floor.ms,
    atMost(1.1),
    '×',
    `${seconds(calm.scan.ms)} against ${seconds(calm.floor.ms)}, ${megabytes(calm.bytes)}`,
  );
  row(
    'scan with 25 ms a page against without',
    distant.scan.ms / calm.scan.ms,
    atMost(2.5),
    '×',
    `${seconds(distant.scan.ms)} (floor ${seconds(distant.floor.ms)})`,
  );
  row(
    `peak memory, ${many} pods against ${few}`,
    calm.scan.peak / little.peak,
    atMost(1.5),
    '×',
    `${megabytes(calm.scan.peak)} against ${megabytes(little.peak)}`,
  );
  row(
    'peak memory against bare node',
    calm.scan.peak / bare.peak,
    atMost(3.5),
    '×',
    `bare ${megabytes(bare.peak)}, floor ${megabytes(calm.floor.peak)}`,
  );

  say('plans');
  const planFile = path.join(folder, 'plan.json');
  const planned = await least(2, () => part('plan', large));
  const plannedSmall = await least(2, () => part('plan', small, planFile));
  row(
    `plan of ${planned.moves} moves against its scan`,
    planned.ms / calm.scan.ms,
    atMost(0.25),
    '×',
    seconds(planned.ms),
  );
  row(
    `plan of ${planned.moves} against ${plannedSmall.moves}`,
    planned.ms / plannedSmall.ms,
    atMost(11),
    '×',
    seconds(plannedSmall.ms),
  );

  say('start-up');
  const started = async (...args) => (await least(5, () => node([program, ...args]))).ms / bare.ms;
  row(
    'rolelift --version against bare node',
    await started('--version'),
    atMost(1.2),
    '×',
    `bare ${Math.round(bare.ms)} ms`,
  );
  row('rolelift --help against bare node', await started('--help'), atMost(1.2));
  const planFolder = path.join(folder, 'plan');
  mkdirSync(planFolder);
  writeFileSync(path.join(planFolder, 'plan.json'), (await import('node:fs')).readFileSync(planFile));
  row(`rolelift show of ${plannedSmall.moves} moves against bare node`, await started('show', planFolder), atMost(3));

  row(
    'first request of rolelift scan against bare node',
    (await least(5, firstRequest)).ms / bare.ms,
    atMost(4),
    '×',
    'most of it client-node, of which the reader of kubeconfigs is used',
  );

  say(`apply and rollback of ${moveCount} moves on a virtual clock`);
  const moved = await part('moves', small, String(moveCount));
  // 20 rollouts at once, each as long as it takes alone; or the trust writes through IAM's lane.
  const best = Math.max((moved.moves / 20) * moved.single, ((moved.calls['aws-write'] ?? 0) / moved.iamRate) * 1000);
  row(
    `apply of ${moved.moves} moves against the best possible`,
    moved.apply / best,
    atMost(1.05),
    '×',
    `${seconds(moved.apply)} of virtual time; ${seconds(moved.applyWall)} of ours`,
  );
  row('the same one move after another, against ours', (moved.moves * moved.single) / moved.apply, { atLeast: 20 });
  row('rollback against the apply', moved.rollback / moved.apply, atMost(0.6));
  const calls = Object.values(moved.calls).reduce((sum, each) => sum + each, 0);
  row('throttled calls', (100 * moved.throttled) / calls, atMost(5), '%', `${moved.throttled} of ${calls}`);
  row('lost calls', moved.lost, atMost(0), '');
  row(
    "journal's share of the apply",
    (100 * moved.journaled) / moved.apply,
    atMost(1),
    '%',
    `${moved.records} records in ${seconds(moved.journaled)}`,
  );
  if (moved.exit[1] !== 0 || moved.failures.some((each) => each > 0))
    throw new Error(`the run itself failed: ${JSON.stringify(moved)}`);

  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((each) => each[column].length)));
  for (const each of rows)
    process.stdout.write(
      `${each
        .map((text, column) => (column < 4 ? text.padEnd(widths[column]) : text))
        .join('  ')
        .trimEnd()}\n`,
    );
  const missed = rows.filter((each) => each[3] === 'MISSED').length;
  process.stdout.write(`\ntargets met: ${rows.length - missed}/${rows.length}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
