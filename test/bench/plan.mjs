/** Plans a scanned estate, with the account that the server of the bench does not have. `node plan.mjs INVENTORY [PLAN]` */
import { readFileSync, writeFileSync } from 'node:fs';
import { inventoryWithAccount } from './account.mjs';

const [file, out] = process.argv.slice(2);
const scanned = JSON.parse(readFileSync(file, 'utf8'));
const { plan } = await import('../../dist/planner/plan.js');
const { defaultPlanOptions } = await import('../../dist/model/options.js');

const inventory = inventoryWithAccount(scanned);
const began = performance.now();
const made = plan(inventory, defaultPlanOptions, { createdAt: '2026-11-22T00:00:00Z', tool: 'bench' });
const ms = performance.now() - began;
if (out) writeFileSync(out, JSON.stringify(made));
const open = made.moves.filter((move) => move.steps.length > 0).length;
process.stdout.write(JSON.stringify({ ms, moves: made.moves.length, open, steps: made.steps.length }));
process.exit(0);
