import type { Plan } from '../model/plan.js';
import type { Style } from '../model/style.js';
import { counted, visible } from '../model/text.js';
import { roleName } from './role-names.js';
import { markdownTable, markdownText, table } from './table.js';

/** Something that needs a look though it is no move: a moved workload whose trust statement is gone, say. */
export interface Alarm {
  readonly subject: string;
  readonly text: string;
}

export interface LeftView {
  readonly plan: Plan;
  readonly dependents: readonly { readonly broker: string; readonly workload: string; readonly role: string | null }[];
  readonly alarms: readonly Alarm[];
}

/** Its pods have the new identity already: what is left is taking the old way out. */
const isMoved = (move: Plan['moves'][number]): boolean => move.from.broker === move.to?.mechanism;

const rowsOf = (view: LeftView) =>
  view.plan.moves.map((move) => ({
    move: move.id.replace(/^move:/, ''),
    from: move.from.broker,
    to: move.to?.mechanism ?? '?',
    role: roleName(move.to?.role ?? move.from.role, view.plan.cluster.accountId),
    state: move.blocked ? 'blocked' : isMoved(move) ? 'to retire' : move.delivery === 'handoff' ? 'hand-off' : 'ready',
    why: view.plan.findings
      .filter(
        (finding) => move.findings.includes(finding.id) && finding.severity === 'block' && finding.acceptedBy === null,
      )
      .map((finding) => finding.code)
      .join(' '),
  }));

const headline = (view: LeftView): string => {
  const open = view.plan.moves.filter((move) => !move.blocked && !isMoved(move)).length;
  const retire = view.plan.moves.filter((move) => !move.blocked && isMoved(move)).length;
  const blocked = view.plan.moves.length - open - retire;
  return `${counted(open, 'move')} left${retire > 0 ? `, ${retire} to retire` : ''}${blocked > 0 ? `, ${blocked} blocked` : ''}; ${counted(view.dependents.length, 'workload')} still on kiam, kube2iam or the node role`;
};

/** What is left to move, for people at a terminal. */
export const leftText = (view: LeftView, style: Style, width: number): string => {
  const parts = [`cluster ${style.name(visible(view.plan.cluster.name))}: ${headline(view)}`];
  const rows = rowsOf(view);
  if (rows.length > 0) {
    parts.push(
      table(
        rows,
        [
          { title: 'move', cell: (row) => row.move, gives: 2, least: 16 },
          { title: 'from', cell: (row) => row.from },
          { title: 'to', cell: (row) => row.to },
          { title: 'role', cell: (row) => row.role, gives: 1, least: 12 },
          {
            title: 'state',
            cell: (row) => row.state,
            style: (text, row) => (row.state === 'blocked' ? style.bad(text) : text),
          },
          { title: 'code', cell: (row) => row.why },
        ],
        width,
        style.dim,
      ),
    );
  }
  if (view.alarms.length > 0)
    parts.push(
      `${style.bad('ALARM')}\n${view.alarms.map((alarm) => `  ${visible(alarm.subject)}: ${visible(alarm.text)}`).join('\n')}`,
    );
  if (view.plan.gaps.length > 0)
    parts.push(style.warn(`${counted(view.plan.gaps.length, 'thing')} could not be read; the numbers may be too low`));
  return parts.join('\n\n');
};

/** The same as Markdown. */
export const leftMarkdown = (view: LeftView): string =>
  [
    `# What is left to move in ${markdownText(view.plan.cluster.name)}`,
    '',
    `${headline(view)}.`,
    '',
    markdownTable(rowsOf(view), [
      { title: 'Move', cell: (row) => row.move },
      { title: 'From', cell: (row) => row.from },
      { title: 'To', cell: (row) => row.to },
      { title: 'Role', cell: (row) => row.role },
      { title: 'State', cell: (row) => row.state },
      { title: 'Blocked by', cell: (row) => row.why },
    ]),
    ...(view.alarms.length === 0
      ? []
      : [
          '',
          '## Alarms',
          '',
          ...view.alarms.map((alarm) => `- ${markdownText(alarm.subject)}: ${markdownText(alarm.text)}`),
        ]),
    ...(view.plan.gaps.length === 0
      ? []
      : ['', '## Not read', '', ...view.plan.gaps.map((gap) => `- ${markdownText(`${gap.area}: ${gap.reason}`)}`)]),
    '',
  ].join('\n');

/** The same as data. */
export const leftData = (view: LeftView): unknown => ({
  cluster: view.plan.cluster.name,
  left: view.plan.moves.filter((move) => !move.blocked && !isMoved(move)).length,
  toRetire: view.plan.moves.filter((move) => !move.blocked && isMoved(move)).length,
  blocked: view.plan.moves.filter((move) => move.blocked).length,
  moves: rowsOf(view),
  dependents: view.dependents,
  alarms: view.alarms,
  findings: view.plan.findings,
  gaps: view.plan.gaps,
});
