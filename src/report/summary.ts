import type { Move, Plan } from '../model/plan.js';
import type { Style } from '../model/style.js';
import { counted, visible, wrap } from '../model/text.js';
import { roleName } from './role-names.js';
import { table } from './table.js';

/** What a move changes, in two or three words a reviewer knows. */
const actsOf = (plan: Plan, move: Move): string => {
  const kinds = new Set(plan.steps.filter((step) => step.move === move.id).map((step) => step.kind));
  const acts: string[] = [];
  if (move.delivery === 'handoff') acts.push(`hand-off to ${move.owner.tool}`);
  if (kinds.has('create-role')) acts.push('new role');
  if (kinds.has('create-service-account')) acts.push('own account');
  else if (kinds.has('annotate-service-account')) acts.push('annotate');
  if (kinds.has('create-pod-identity-association')) acts.push('associate');
  if (kinds.has('update-addon')) acts.push('add-on');
  if (plan.steps.some((step) => step.move === move.id && step.stage === 'cutover' && step.effect === 'disruptive'))
    acts.push('restart');
  return acts.join(', ');
};

const reasonOf = (plan: Plan, move: Move): string =>
  plan.findings
    .filter(
      (finding) => move.findings.includes(finding.id) && finding.severity === 'block' && finding.acceptedBy === null,
    )
    .map((finding) => `${finding.code}: ${finding.message}`)
    .join('; ');

/** The plan on half a screen: one line a move, and why a blocked one is blocked. The whole of it is the review. */
export const summaryText = (plan: Plan, style: Style, width: number): string => {
  const open = plan.moves.filter((move) => !move.blocked);
  const blocked = plan.moves.filter((move) => move.blocked);
  const account = plan.cluster.accountId;
  const restarts = plan.steps.filter((step) => step.effect === 'disruptive').length;
  const parts = [
    wrap(
      `Plan ${visible(plan.id)}: ${counted(open.length, 'move')}${blocked.length > 0 ? `, ${blocked.length} blocked` : ''}; ${counted(plan.steps.length, 'step')}, each with its undo; ${counted(restarts, 'restart')}.`,
      width,
    ),
  ];
  if (open.length > 0) {
    parts.push(
      table(
        open,
        [
          { title: 'move', cell: (move) => move.id.replace(/^move:/, ''), gives: 1, least: 16 },
          { title: 'role', cell: (move) => roleName(move.to?.role ?? null, account), gives: 3, least: 14 },
          { title: 'from', cell: (move) => move.from.broker },
          { title: 'to', cell: (move) => move.to?.mechanism ?? '?' },
          { title: 'how', cell: (move) => actsOf(plan, move), gives: 2, least: 16 },
        ],
        width,
        style.dim,
      ),
    );
  }
  for (const move of blocked)
    parts.push(
      `${style.bad('blocked')}  ${wrap(visible(`${move.id.replace(/^move:/, '')}: ${reasonOf(plan, move)}`), width - 9, ' '.repeat(9))}`,
    );
  return parts.join('\n\n');
};
