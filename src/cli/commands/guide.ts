import path from 'node:path';
import { contextNames } from '../../clients/kube-connection.js';
import type { Inventory } from '../../model/inventory.js';
import { defaultPlanOptions, type PlanOptions } from '../../model/options.js';
import type { Plan } from '../../model/plan.js';
import { plan as makePlan } from '../../planner/plan.js';
import { reviewText } from '../../report/review.js';
import { roleName } from '../../report/role-names.js';
import { runbook } from '../../report/runbook.js';
import { usesText } from '../../report/uses.js';
import { commandsFor } from '../guide-commands.js';
import { isLoopback, readRunState } from '../journal-place.js';
import { connectTo, scanLive } from '../live.js';
import { clearForPlan, folderName, savePlan } from '../plan-directory.js';
import { type GlobalOptions, openSession, type Session } from '../session.js';
import { shownPath } from '../shown-path.js';
import { useRows } from '../use-rows.js';
import { toolName } from '../version.js';
import { type ApplyArguments, applyDirectory } from './apply.js';

/** `rolelift` alone, at a terminal: cluster, target, scope, moves, review, apply; one question at a time, nothing written before the last. */
export const run = async (_args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as ApplyArguments;
  const asking = openSession(options);
  const context = await chooseCluster(asking);
  if (context === null) {
    const { run: demo } = await import('./demo.js');
    return demo([], given);
  }
  const session: Session = { ...asking, options: { ...asking.options, context } };
  const { host, prompts } = session;
  const clients = await connectTo(session);
  const inventory = await scanLive(session, clients);
  await host.pause();
  host.result(`${usesText(inventory, useRows(inventory), host.style, host.width)}\n`);

  const target = await prompts.choose<PlanOptions['target']>('Where shall workloads move to?', targets, '--target');
  const whole = planOf(inventory, { ...defaultPlanOptions, target });
  if (whole.moves.length === 0) {
    host.result(reviewText(whole, host.style, host.width));
    await host.close();
    return 0;
  }
  const namespaces = await chooseNamespaces(session, whole);
  const plan = namespaces.length === 0 ? whole : planOf(inventory, { ...defaultPlanOptions, target, namespaces });
  const directory = path.resolve(path.join('plans', folderName(inventory.cluster.name)));
  const here = shownPath(directory);
  await clearForPlan(directory, (old) => readRunState(session, old, directory));
  await savePlan(directory, plan, inventory, runbook(plan, here));
  host.result(`${reviewText(plan, host.style, host.width)}\n`);

  const moves = await chooseMoves(session, plan);
  if (moves === null) {
    host.result(`nothing to apply; the plan is in ${here}`);
    await host.close();
    return 0;
  }
  if (await prompts.confirm('Rehearse it first, on a twin of this estate?', 'rolelift rehearse', true)) {
    const { rehearseDirectory } = await import('./rehearse.js');
    const code = await rehearseDirectory({ ...session, host: { ...host, close: host.pause } }, directory, false);
    if (code !== 0) return code;
  }
  const state = isLoopback(clients.connection.server) ? null : await chooseState(session);
  const commands = commandsFor({ context, target, namespaces, moves, directory: here, state });
  host.result(
    `\n${host.style.dim('The same without questions:')}\n${commands.map((command) => `  ${command}`).join('\n')}\n`,
  );
  return applyDirectory(session, directory, {
    ...options,
    context,
    move: moves,
    ...(state === null ? {} : { state }),
  } satisfies GlobalOptions & ApplyArguments);
};

const targets = [
  { value: 'auto', name: 'decide for each workload (IRSA, unless it cannot be)' },
  { value: 'irsa', name: 'IRSA: IAM roles for service accounts' },
  { value: 'pod-identity', name: 'EKS Pod Identity' },
] as const;

const planOf = (inventory: Inventory, options: PlanOptions): Plan =>
  makePlan(inventory, options, { createdAt: new Date().toISOString(), tool: toolName() });

/** A context of the kubeconfig; null for the demo. */
const chooseCluster = async (session: Session): Promise<string | null> => {
  const names = await contextNames(session.options.kubeconfig);
  const choices = names.map((name, index) => ({ value: name, name: index === 0 ? `${name} (current)` : name }));
  const chosen = await session.prompts.choose(
    names.length === 0 ? 'No cluster is configured. What now?' : 'Which cluster?',
    [...choices, { value: '', name: 'none: show me a demo on a simulated one' }],
    '--context',
  );
  return chosen === '' ? null : chosen;
};

/** Empty where all were left ticked. */
const chooseNamespaces = async (session: Session, plan: Plan): Promise<readonly string[]> => {
  const names = [...new Set(plan.moves.map((move) => move.subject.namespace))].sort();
  if (names.length < 2) return [];
  const chosen = await session.prompts.pick(
    'Which namespaces?',
    names.map((name) => ({
      value: name,
      short: name,
      name: `${name} (${plan.moves.filter((move) => move.subject.namespace === name).length})`,
      checked: true,
    })),
    '--namespace',
  );
  return chosen.length === names.length ? [] : [...chosen].sort();
};

/** Empty where all were left ticked; null where there is none to apply. */
const chooseMoves = async (session: Session, plan: Plan): Promise<readonly string[] | null> => {
  const open = plan.moves.filter((move) => !move.blocked);
  if (open.length === 0) return null;
  const chosen = await session.prompts.pick(
    'Which moves shall be applied?',
    open.map((move) => ({
      value: move.id,
      short: move.id.replace(/^move:/, ''),
      name: `${move.id.replace(/^move:/, '')}: ${roleName(move.to?.role ?? null, plan.cluster.accountId)}, ${move.from.broker} → ${move.to?.mechanism ?? '?'}${move.delivery === 'handoff' ? ` (hand-off to ${move.owner.tool})` : ''}`,
      checked: true,
    })),
    '--move',
  );
  if (chosen.length === 0) return null;
  return chosen.length === open.length ? [] : chosen;
};

const chooseState = async (session: Session): Promise<string> => {
  const where = await session.prompts.choose<'local' | 's3'>(
    'Where shall the journal live? Whoever is on call needs it for a rollback.',
    [
      { value: 's3', name: 'in an S3 bucket that others reach too' },
      { value: 'local', name: 'on this machine only' },
    ],
    '--state',
  );
  return where === 'local' ? 'local' : session.prompts.text('Bucket and prefix', 's3://BUCKET/rolelift', '--state');
};
