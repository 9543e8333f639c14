import type { Plan } from '../model/plan.js';
import { counted, duration, visible } from '../model/text.js';
import { roleName } from './role-names.js';
import { markdownText } from './table.js';

/** One page for whoever is on call at 3 a.m.: what to run, what it undoes, in which order, how long, until when. */
export const runbook = (plan: Plan, directory: string): string => {
  const account = plan.cluster.accountId;
  const moves = plan.moves.filter((move) => !move.blocked);
  const restarts = plan.steps.filter((step) => step.effect === 'disruptive').length;
  const handoffs = moves.filter((move) => move.delivery === 'handoff');
  const here = visible(directory);
  const estimate = 30_000 + Math.ceil(restarts / 20) * 90_000;
  const lines = [
    `# Runbook: undo plan ${markdownText(plan.id)}`,
    '',
    `Cluster **${markdownText(plan.cluster.name)}** (${markdownText(plan.cluster.region)}), account ${markdownText(account)}. ${counted(moves.length, 'move')}, ${counted(plan.steps.length, 'step')}.`,
    '',
    '## Something is wrong: do this',
    '',
    'One workload:',
    '',
    '```sh',
    `rolelift rollback ${here} --move MOVE`,
    '```',
    '',
    'Everything:',
    '',
    '```sh',
    `rolelift status ${here}     # what was done, and whether it is reversible`,
    `rolelift rollback ${here}`,
    '```',
    '',
    'Add `--dry-run` to see what it would do. The directory knows where its journal is; without the directory `rolelift runs` tells it, from any machine that reaches the cluster:',
    '',
    '```sh',
    'rolelift runs',
    'rolelift rollback --run ID',
    'rolelift rollback --from-live --state local   # the journal is lost: undo by our marks',
    '```',
    '',
    'It can be interrupted (Ctrl-C) and run again. It goes on past what fails and says what is left.',
    `To hold a run that is going on: \`touch ${here}/PAUSE\`; to let it go on: remove that file.`,
    '',
    '## What it does, in this order',
    '',
    '1. The old way comes back: pod annotations, service account names.',
    '2. The new binding goes: service account annotations, associations.',
    '3. It waits until a trial admission shows that new pods no longer get the new identity.',
    '4. Every pod that still carries the new identity is replaced, whichever ReplicaSet owns it.',
    '5. The old identity is proven.',
    '6. Only then trust statements, roles, service accounts and the provider go, where nobody else uses them.',
    '',
    `About ${duration(estimate)} for everything (${counted(restarts, 'restart')}, 20 at once, 90 s each; an estimate, not a promise).`,
    '',
    '## Until when it is possible',
    '',
    '- As long as the broker still serves the old roles: until kiam or kube2iam is removed, its own role deleted, or a namespace no longer permits a role.',
    '- rolelift asks the cluster first and refuses a move whose old way is gone (RL406); `--force-move MOVE` overrides.',
    '',
    '## Moves',
    '',
    '| Move | Workloads | Before | After |',
    '| --- | --- | --- | --- |',
    ...moves.map(
      (move) =>
        `| ${markdownText(move.id)} | ${markdownText(move.workloads.map((workload) => `${workload.kind} ${workload.name}`).join(', '))} | ${markdownText(`${move.from.broker} ${roleName(move.from.role, account)}`)} | ${markdownText(`${move.to?.mechanism ?? ''} ${roleName(move.to?.role ?? null, account)}`)} |`,
    ),
  ];
  const owners = plan.findings.filter(
    (finding) => finding.acceptedBy === null && Array.isArray(finding.evidence.commands),
  );
  if (owners.length > 0)
    lines.push(
      '',
      '## For the owners of other accounts',
      '',
      'These moves wait for them: no credentials for their account were given. With credentials of that account, its owner runs:',
      ...owners.flatMap((finding) => [
        '',
        `${markdownText(finding.subject.kind)} ${markdownText(finding.subject.name)} in account ${markdownText(String(finding.evidence.account ?? finding.subject.account ?? ''))}:`,
        '',
        '```sh',
        ...(finding.evidence.commands as readonly unknown[]).map((command) => visible(String(command))),
        '```',
      ]),
    );
  if (handoffs.length > 0) {
    lines.push(
      '',
      '## Hand-offs',
      '',
      'These belong to another tool. Rollback prints the reverse patch and waits for it. To break the glass:',
      '',
      ...handoffs.flatMap((move) => {
        const step = plan.steps.find((each) => each.move === move.id && each.kind === 'wait-for-handoff');
        const suspend = typeof step?.params.suspend === 'string' ? step.params.suspend : '';
        return [
          `- ${markdownText(move.id)} (${markdownText(move.owner.tool)} ${markdownText(move.owner.ref)})`,
          ...(suspend === ''
            ? []
            : [
                '',
                '  ```sh',
                `  ${visible(suspend)}`,
                `  rolelift rollback ${here} --move ${visible(move.id)} --gitops live`,
                '  ```',
                '',
              ]),
        ];
      }),
    );
  }
  lines.push(...undoLines(plan, here));
  return `${lines.join('\n')}\n`;
};

const mostMoves = 60;

/** The kinds of each move in the order of their undo, and once what the undo of each kind does. */
const undoLines = (plan: Plan, here: string): readonly string[] => {
  const kinds = new Map<string | null, { readonly kind: string; times: number }[]>();
  const examples = new Map<string, Plan['steps'][number][]>();
  for (const step of undoSequence(plan)) {
    const list = kinds.get(step.move) ?? [];
    const last = list.at(-1);
    if (last?.kind === step.kind) last.times += 1;
    else list.push({ kind: step.kind, times: 1 });
    kinds.set(step.move, list);
    examples.set(step.kind, [...(examples.get(step.kind) ?? []), step]);
  }
  const chain = (move: string | null): string =>
    (kinds.get(move) ?? []).map(({ kind, times }) => (times === 1 ? kind : `${kind} ×${times}`)).join(' → ');
  const moves = plan.moves.filter(({ id }) => kinds.has(id)).reverse();
  return [
    '',
    '## Undo, move by move',
    '',
    ...moves.slice(0, mostMoves).map(({ id }) => `- ${markdownText(id)}: ${chain(id)}`),
    ...(moves.length > mostMoves
      ? [`- and ${counted(moves.length - mostMoves, 'move')} more: rolelift show ${here} --json`]
      : []),
    ...(kinds.has(null) ? [`- shared, where nothing of the above is left that needs it: ${chain(null)}`] : []),
    '',
    'What the undo of each kind does:',
    '',
    ...[...examples].map(([kind, steps]) => {
      const texts = new Set(steps.map(({ undo }) => undo));
      const [first] = steps;
      const of = texts.size === 1 ? '' : ` (of ${steps.length}: \`${visible(first?.id ?? '').replaceAll('`', "'")}\`)`;
      return `- ${kind}: ${markdownText(first?.undo ?? '')}${of}`;
    }),
  ];
};

/** An order in which every step's undo comes after those that it waits for. */
const undoSequence = (plan: Plan): readonly Plan['steps'][number][] => {
  const byId = new Map(plan.steps.map((step) => [step.id, step]));
  const out: Plan['steps'][number][] = [];
  const seen = new Set<string>();
  // Steps stand in an order of execution, so the last come first; a stack of our own, for plans of any depth.
  for (const step of [...plan.steps].reverse()) {
    const stack = [step.id];
    while (stack.length > 0) {
      const id = stack[stack.length - 1] as string;
      const here = byId.get(id);
      if (here === undefined || seen.has(id)) {
        stack.pop();
        continue;
      }
      const first = here.undoDependsOn.find(
        (before) => !seen.has(before) && byId.has(before) && !stack.includes(before),
      );
      if (first !== undefined) stack.push(first);
      else {
        seen.add(id);
        out.push(here);
        stack.pop();
      }
    }
  }
  return out.filter((step) => step.kind !== 'gate');
};
