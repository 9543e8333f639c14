import { existsSync, readdirSync } from 'node:fs';
import type { Inventory } from '../model/inventory.js';
import type { RunState } from '../model/journal.js';
import type { Plan, Step } from '../model/plan.js';
import { counted, visible, wrap } from '../model/text.js';
import { type IdentityRow, identitiesText } from '../report/identities.js';
import { type ProofRow, proofsText } from '../report/proofs.js';
import { summaryText } from '../report/summary.js';
import { usesText } from '../report/uses.js';
import { files } from './plan-directory.js';
import type { Session } from './session.js';
import { shownPath } from './shown-path.js';
import { useRows } from './use-rows.js';

/** Tells the demo's story: a chapter for each command, short enough to be read while it plays. */
export interface Teller {
  /** A session whose results stay behind the curtain; errors and, at a terminal, progress are shown. */
  backstage(title: string): { readonly session: Session; readonly shown: readonly string[] };
  begin(): Promise<void>;
  scanned(inventory: Inventory): Promise<void>;
  planned(plan: Plan): Promise<void>;
  /** `shown`: what the command itself would have printed. */
  rehearsed(shown: readonly string[]): Promise<void>;
  applied(plan: Plan, run: RunState, before: readonly IdentityRow[], now: readonly IdentityRow[]): Promise<void>;
  verified(plan: Plan, proofs: readonly ProofRow[]): Promise<void>;
  retired(plan: Plan, run: RunState): Promise<void>;
  undone(run: RunState, now: readonly IdentityRow[], exact: boolean): Promise<void>;
  end(directory: string, took: string): Promise<void>;
}

const isDone = (run: RunState, step: Step): boolean =>
  ['applied', 'verified'].includes(run.steps.get(step.id)?.is ?? 'pending');

/** What was done, by kind, in the words of the plan. */
const doneText = (plan: Plan, run: RunState, stages: readonly string[]): string => {
  const words: Readonly<Record<string, readonly [string, string]>> = {
    'create-oidc-provider': ['OIDC provider made', 'OIDC providers made'],
    'add-trust-statement': ['role trusts one more service account', 'roles trust one more service account each'],
    'create-service-account': ['service account made', 'service accounts made'],
    'copy-rbac-subject': ['RBAC binding copied', 'RBAC bindings copied'],
    'annotate-service-account': ['service account annotated', 'service accounts annotated'],
    'set-workload-service-account': ['workload switched to its own account', 'workloads switched to their own account'],
    'restart-workload': ['workload restarted', 'workloads restarted'],
    'prove-identity': ['identity proven', 'identities proven'],
    'remove-pod-annotation': ["kiam's annotation taken away", "of kiam's annotations taken away"],
  };
  const counts = new Map<string, number>();
  for (const step of plan.steps as readonly Step[])
    if (stages.includes(step.stage) && isDone(run, step)) counts.set(step.kind, (counts.get(step.kind) ?? 0) + 1);
  return Object.entries(words)
    .filter(([kind]) => counts.has(kind))
    .map(([kind, [one, many]]) => `  ${String(counts.get(kind)).padStart(2)} ${counts.get(kind) === 1 ? one : many}`)
    .join('\n');
};

const waitingText = (plan: Plan, width: number): string =>
  plan.moves
    .filter((move) => move.delivery === 'handoff' && !move.blocked)
    .map((move) =>
      wrap(
        visible(
          `Not moved: ${move.id.replace(/^move:/, '')}. ${move.owner.tool} would revert a live change, so its patch is printed and the run waits for it, while all others go on.`,
        ),
        width,
      ),
    )
    .join('\n');

export const demoTeller = (session: Session): Teller => {
  const { host, streams } = session;
  const { style, width } = host;
  const { json, verbose } = session.options;
  let number = 0;
  const chapter = async (title: string, ...parts: readonly string[]): Promise<void> => {
    await host.pause();
    number += 1;
    const text = parts.filter((part) => part !== '').join('\n\n');
    if (json) host.result(JSON.stringify({ type: 'chapter', number, title }));
    else host.result(`\n${style.bold(style.name(`▌ ${number}. ${title}`))}\n${text}`);
  };
  const prose = (text: string): string => wrap(text, width);
  return {
    backstage: (title) => {
      const shown: string[] = [];
      return {
        shown,
        session: {
          ...session,
          host: {
            ...host,
            say: (message) => {
              if (json || verbose || message.kind === 'error') host.say(message);
              // One line that moves while a chapter plays; what it came to is told when it is over.
              else if (message.kind === 'progress' && streams.errIsTerminal)
                host.say({ kind: 'progress', id: message.id, parent: title, title: message.title, state: 'running' });
            },
            result: (text) => void shown.push(text),
            close: async () => undefined,
          },
        },
      };
    },
    begin: () =>
      chapter(
        'A cluster and an account, simulated on this machine',
        prose(
          'An EKS cluster whose pods get their AWS roles from kiam. rolelift reaches it over HTTP with the same clients as a real one; nothing leaves this machine.',
        ),
      ),
    scanned: (inventory) =>
      chapter(
        'rolelift scan: who gets which credentials, from what',
        usesText(inventory, useRows(inventory), style, width),
      ),
    planned: (plan) =>
      chapter(
        'rolelift plan: what would move, and what is in the way',
        summaryText(plan, style, width),
        prose(
          `For each: first the role trusts the service account beside kiam, then the account is annotated and the pods restart, then the new identity is proven. Only then may kiam's annotation go.`,
        ),
      ),
    rehearsed: (rehearsal) =>
      chapter('rolelift rehearse: the plan and its rollback, on a twin first', rehearsal.join('\n')),
    applied: async (plan, run, before, now) => {
      await chapter(
        'rolelift apply: prepare and cut over, each identity proven',
        doneText(plan, run, ['prepare', 'cutover']),
        waitingText(plan, width),
      );
      await chapter(
        'What each pod really gets now, asked of the simulated cluster itself',
        identitiesText(before, now, plan.cluster.accountId, style, width),
      );
    },
    verified: (plan, proofs) =>
      chapter(
        'rolelift verify: proven how, since when',
        proofsText(proofs, null, plan.cluster.accountId, style, width),
        prose("'used' means: CloudTrail saw the pods themselves take the role this new way."),
      ),
    retired: (plan, run) =>
      chapter(
        'rolelift apply --stage retire: the old annotations go',
        doneText(plan, run, ['retire']),
        prose('Only where use was proven; the others wait. (A real cluster soaks for 24 h first, the demo for 0 s.)'),
      ),
    undone: (run, now, exact) =>
      chapter(
        'rolelift rollback: everything back, and nobody loses an identity',
        `  ${counted([...run.steps.values()].filter((step) => step.is === 'undone').length, 'step')} undone`,
        prose(
          `All ${counted(now.length, 'container')} have the identity that they began with, and the cluster and the account ${exact ? 'are what they were before, field by field' : 'are as before but for fields that servers set'}.`,
        ),
      ),
    end: async (directory, took) => {
      const there = existsSync(directory)
        ? readdirSync(directory).filter((name) => Object.values<string>(files).includes(name))
        : [];
      await chapter(
        `That was it, in ${took}`,
        [
          `plan, journal and runbook: ${visible(directory)}`,
          `  ${there.sort().join('  ')}`,
          `read the whole plan:       rolelift show ${visible(shownPath(directory))}`,
          'play with the cluster:     rolelift sandbox',
          'on your own cluster:       rolelift scan, then plan, rehearse, apply',
        ].join('\n'),
      );
    },
  };
};
