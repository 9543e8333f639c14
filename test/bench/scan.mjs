/** The program's own scan of the cluster's half. `node scan.mjs PORT [FILE]` keeps the inventory in FILE. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const [port, file] = process.argv.slice(2);
const folder = mkdtempSync(path.join(tmpdir(), 'rolelift-bench-'));
const kubeconfig = path.join(folder, 'kubeconfig');
writeFileSync(
  kubeconfig,
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'bench',
    clusters: [{ name: 'bench', cluster: { server: `http://127.0.0.1:${port}` } }],
    users: [{ name: 'bench', user: { token: 'bench' } }],
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
  }),
);
const { createClients } = await import('../../dist/clients/clients.js');
const { scan } = await import('../../dist/scan/collect.js');
const began = performance.now();
const cpu = process.cpuUsage();
const clients = await createClients({ kubeconfig, context: 'bench', region: 'eu-west-1' });
const inventory = await scan(clients, { context: 'bench', server: '', region: 'eu-west-1', noAws: true });
const ms = performance.now() - began;
const used = process.cpuUsage(cpu);
const peak = process.resourceUsage().maxRSS * 1024;
if (file) writeFileSync(file, JSON.stringify(inventory));
const pods = inventory.workloads.reduce((sum, workload) => sum + workload.pods.length, 0);
process.stdout.write(
  JSON.stringify({ ms, peak, pods, workloads: inventory.workloads.length, cpu: (used.user + used.system) / 1000 }),
);
process.exit(0);
