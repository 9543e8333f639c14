import path from 'node:path';
import { RoleliftError } from '../../model/error.js';
import type { Inventory } from '../../model/inventory.js';
import type { Plan } from '../../model/plan.js';
import { plan as makePlan } from '../../planner/plan.js';
import { resealPlan } from '../../planner/validate.js';
import { reviewText } from '../../report/review.js';
import { runbook } from '../../report/runbook.js';
import { parseInventory } from '../../scan/inventory-file.js';
import { readManifests } from '../../scan/manifests.js';
import { readRunState } from '../journal-place.js';
import { connectTo, scanLive, stoppable } from '../live.js';
import { reachOptions } from '../next-commands.js';
import { clearForPlan, files, folderName, parseJson, planDirectoryOf, readText, savePlan } from '../plan-directory.js';
import { type PlanArguments, planOptionsOf } from '../plan-options.js';
import { type GlobalOptions, openSession, type Session } from '../session.js';
import { shownPath } from '../shown-path.js';
import { sayUnmetAcceptances } from '../unmet-acceptances.js';
import { toolName } from '../version.js';

export interface PlanCommandOptions
  extends GlobalOptions,
    Omit<PlanArguments, 'namespace' | 'excludeNamespace' | 'selector'> {
  readonly inventory?: string;
  readonly manifests?: string;
  readonly account?: string;
  readonly partition?: string;
  readonly broker?: 'kiam' | 'kube2iam';
  readonly brokerVersion?: string;
  readonly brokerArgs?: string;
  readonly baseRoleArn?: string;
  readonly aws: boolean;
  readonly reseal?: string;
  readonly detailedExitcode: boolean;
}

export const run = async (_args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as PlanCommandOptions;
  const session = openSession(options);
  if (options.reseal !== undefined) return reseal(session, options.reseal);
  const inventory = await inventoryFor(session, options);
  const plan = makePlan(inventory, planOptionsOf(options), { createdAt: new Date().toISOString(), tool: toolName() });
  const directory = path.resolve(options.out ?? path.join('plans', folderName(inventory.cluster.name)));
  await clearForPlan(directory, (old) => readRunState(session, old, directory));
  await savePlan(directory, plan, inventory, runbook(plan, shownPath(directory)));
  sayUnmetAcceptances(session.host, plan);
  await session.host.pause();
  if (options.json) session.host.result(JSON.stringify(plan));
  else {
    const here = shownPath(directory);
    session.host.result(reviewText(plan, session.host.style, session.host.width));
    session.host.result(`\n${nextText(plan, here, session)}`);
  }
  const code = options.detailedExitcode && plan.moves.some((move) => !move.blocked) ? 2 : 0;
  await offerRehearsal(session, plan, directory);
  await session.host.close();
  return code;
};

const nextText = (plan: Plan, here: string, session: Session): string => {
  const { style } = session.host;
  if (plan.source === 'manifests')
    return style.dim(`written: ${here}/ (a preview: plan again against the live cluster to apply it)`);
  if (plan.moves.every((move) => move.blocked)) return style.dim(`written: ${here}/ (nothing to apply)`);
  return `${style.dim(`written: ${here}/ (${files.plan}, ${files.inventory}, ${files.runbook})`)}\nnext:    rolelift rehearse ${here}\n         rolelift apply ${here}${reachOptions(session.options)}`;
};

const offerRehearsal = async (session: Session, plan: Plan, directory: string): Promise<void> => {
  if (!session.interactive || session.options.yes || plan.source !== 'live' || plan.moves.every((move) => move.blocked))
    return;
  if (!(await session.prompts.confirm('Rehearse it now on a twin of this estate?', 'rolelift rehearse', true))) return;
  const { rehearseDirectory } = await import('./rehearse.js');
  await rehearseDirectory(session, directory, false);
};

const inventoryFor = async (session: Session, options: PlanCommandOptions): Promise<Inventory> => {
  const sources = [options.inventory, options.manifests].filter((source) => source !== undefined);
  if (sources.length > 1) {
    throw new RoleliftError(
      {
        code: 'RL606',
        message: '--inventory and --manifests exclude each other',
        remedy: 'Give one of them.',
        fault: 'user',
      },
      { exit: 64 },
    );
  }
  if (options.inventory !== undefined) {
    return parseInventory(
      parseJson(await readText(options.inventory, 'the inventory'), options.inventory),
      options.inventory,
    );
  }
  if (options.manifests !== undefined) {
    return stoppable(
      session,
      readManifests(options.manifests, {
        account: options.account ?? '',
        region: options.region ?? '',
        partition: options.partition ?? null,
        cluster: options.cluster ?? '',
        oidcIssuer: options.oidcIssuer ?? null,
        broker: options.broker ?? null,
        brokerVersion: options.brokerVersion ?? null,
        brokerArgs: options.brokerArgs ?? null,
        baseRoleArn: options.baseRoleArn ?? null,
        say: (message) => session.host.say(message),
      }),
    );
  }
  const clients = await connectTo(session);
  return scanLive(session, clients, {
    noAws: !options.aws,
    oidcIssuer: options.oidcIssuer,
    managementContext: options.managementContext,
  });
};

const reseal = async (session: Session, target: string): Promise<number> => {
  const directory = await planDirectoryOf(target);
  const file = path.join(directory, files.plan);
  const plan = resealPlan(parseJson(await readText(file, 'the plan'), file));
  await savePlan(directory, plan, null, runbook(plan, shownPath(directory)));
  const { rehearseDirectory } = await import('./rehearse.js');
  const code = await rehearseDirectory(session, directory, false);
  session.host.result(`sealed anew: ${plan.id} (${plan.digest})`);
  await session.host.close();
  return code;
};
