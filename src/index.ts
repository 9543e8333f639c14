/**
 * Rolelift as a library: the data (Inventory, Finding, Plan, Journal), the pure functions between them, and the runs that touch the world.
 *
 * ```ts
 * const clients = await createClients({ context: 'prod' });
 * const inventory = await scan(clients);
 * const made = plan(inventory, defaultPlanOptions, { createdAt: new Date().toISOString(), tool: 'my-tool' });
 * console.log(reviewText(made, plainStyle, 100));
 * ```
 *
 * Nothing here writes to a stream or leaves the process; errors that a person can act on are RoleliftErrors.
 * @packageDocumentation
 */

export { type AllClients, type ClientOptions, createClients } from './clients/clients.js';
export { systemClock } from './clients/system-clock.js';
export { apply } from './engine/execute.js';
export {
  type ApplyOptions,
  type ApplyRun,
  defaultApplyOptions,
  defaultUnwindOptions,
  type Host,
  type RunResult,
  type UnwindOptions,
  type UnwindRun,
} from './engine/run.js';
export { unwind } from './engine/unwind.js';
export { study } from './findings/estate.js';
export { type Explanation, explanationOf, explanations } from './findings/explain.js';
export { answer as identityOf, brokerOf, heldRole } from './identity/answer.js';
export { type World, worldOf } from './identity/world.js';
export { fileStore } from './journal/file-store.js';
export { fold } from './journal/fold.js';
export { type Journal, openJournal } from './journal/journal.js';
export { memoryStore } from './journal/memory-store.js';
export type { Clock } from './model/clock.js';
export { type ErrorData, RoleliftError } from './model/error.js';
export type { Finding } from './model/finding.js';
export type { Inventory } from './model/inventory.js';
export type { JournalEvent, RunState, StepState } from './model/journal.js';
export type { Message, Say } from './model/message.js';
export { defaultPlanOptions, type PlanOptions } from './model/options.js';
export { type Move, type Plan, planDigest, type Step } from './model/plan.js';
export type { Clients, ReadClients } from './model/ports.js';
export { plainStyle, type Style } from './model/style.js';
export { type Needs, needsOf, type Purpose } from './permissions/needs.js';
export { agrees, diffPlans, type PlanDifference } from './planner/diff.js';
export { plan } from './planner/plan.js';
export { rewind } from './planner/rewind.js';
export { optionsOf, resealPlan, validatePlan } from './planner/validate.js';
export { rehearse } from './rehearsal/rehearse.js';
export { type OldWays, progressOf, statusText } from './report/progress.js';
export { reviewMarkdown, reviewText } from './report/review.js';
export { runbook } from './report/runbook.js';
export { createSandbox, loadScenario, type Scenario, type Served, serve, twinOf } from './sandbox/index.js';
export { scan } from './scan/collect.js';
export { parseInventory, readInventory } from './scan/inventory-file.js';
export { type ManifestOptions, readManifests } from './scan/manifests.js';
export { registry } from './steps/registry.js';
export { type MoveProof, verifyMoves } from './verify/verify.js';
