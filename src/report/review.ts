import type { Finding } from '../model/finding.js';
import type { Move, Plan } from '../model/plan.js';
import { subjectText } from '../model/resource.js';
import type { Style } from '../model/style.js';
import { counted, visible, wrap } from '../model/text.js';
import { stages } from '../model/words.js';
import { indexOf, type PlanIndex } from './plan-index.js';
import { roleName } from './role-names.js';
import { markdownTable, markdownText, table } from './table.js';

/** What a reviewer reads: what will move, in which steps, what is in the way, what is left alone. */
export const reviewText = (plan: Plan, style: Style, width: number): string => {
  const parts = [headline(plan, style, width)];
  const index = indexOf(plan);
  const common = commonCodes(plan, index);
  const open = plan.moves.filter((move) => !move.blocked);
  const blocked = plan.moves.filter((move) => move.blocked);
  if (open.length > 0)
    parts.push(
      `${style.bold('MOVES')}\n${open.map((move) => moveText(plan, index, move, common, style, width)).join('\n')}`,
    );
  if (blocked.length > 0) {
    parts.push(
      `${style.bold('BLOCKED')} ${style.dim('(no step of these will run)')}\n${blocked.map((move) => moveText(plan, index, move, common, style, width)).join('\n')}`,
    );
  }
  const shared = plan.steps.filter((step) => step.move === null);
  if (shared.length > 0) {
    parts.push(
      `${style.bold('SHARED STEPS')}\n${shared.map((step) => `  ${step.stage.padEnd(7)}  ${wrap(visible(step.title), width - 11, ' '.repeat(11))}`).join('\n')}`,
    );
  }
  if (common.size > 0) parts.push(commonText(plan, index, common, style, width));
  const attached = new Set(plan.moves.flatMap((move) => move.findings));
  // What could not be read has a part of its own below.
  const others = plan.findings.filter((finding) => !attached.has(finding.id) && finding.code !== 'RL501');
  if (others.length > 0)
    parts.push(
      `${style.bold('ALSO FOUND')}\n${others.map((finding) => findingText(finding, style, width, true)).join('\n')}`,
    );
  if (plan.unmoved.length > 0) {
    const shown = plan.unmoved.slice(0, 20);
    parts.push(
      `${style.bold('NOT MOVED')}\n${table(
        shown,
        [
          { title: '  what', cell: (row) => `  ${row.subject.kind} ${subjectText(row.subject)}`, gives: 2, least: 20 },
          { title: 'code', cell: (row) => row.code },
          { title: 'why', cell: (row) => row.reason, gives: 1, least: 20 },
        ],
        width,
        style.dim,
      )}${plan.unmoved.length > shown.length ? `\n  and ${plan.unmoved.length - shown.length} more: rolelift show PLAN --json` : ''}`,
    );
  }
  if (plan.gaps.length > 0) {
    parts.push(
      `${style.bold('NOT READ')}\n${plan.gaps.map((gap) => `  ${wrap(visible(`${gap.area}: ${gap.reason}`), width - 4, '    ')}`).join('\n')}`,
    );
  }
  return parts.join('\n\n');
};

/** Codes that many moves have: told once for all of them. Blocking findings always stand with their move. */
const commonCodes = (plan: Plan, index: PlanIndex): ReadonlySet<string> => {
  const moves = new Map<string, number>();
  for (const move of plan.moves) {
    const own = index.findingsOf(move).filter((each) => each.severity !== 'block');
    for (const each of new Set(own.map((finding) => finding.code))) moves.set(each, (moves.get(each) ?? 0) + 1);
  }
  return new Set([...moves].filter(([, count]) => count > 3).map(([each]) => each));
};

const commonText = (plan: Plan, index: PlanIndex, common: ReadonlySet<string>, style: Style, width: number): string => {
  const lines = [...common].sort().map((code) => {
    const is = (finding: Finding): boolean => finding.code === code && finding.severity !== 'block';
    const all = plan.findings.filter(is);
    const moves = plan.moves.filter((move) => index.findingsOf(move).some(is)).length;
    const [first] = all;
    if (first === undefined) return '';
    const paint = first.severity === 'info' ? style.dim : style.warn;
    const more = all.length > 1 ? ` (and ${counted(all.length - 1, 'other')} like it)` : '';
    return `  ${paint(first.severity.padEnd(5))} ${paint(code)} ${wrap(visible(`${counted(moves, 'move')}: ${first.message}${more}`), width - 14, ' '.repeat(14))}`;
  });
  return `${style.bold('FOR MANY MOVES')} ${style.dim('(rolelift explain CODE tells more)')}\n${lines.join('\n')}`;
};

const headline = (plan: Plan, style: Style, width: number): string => {
  const open = plan.moves.filter((move) => !move.blocked);
  const cluster = plan.cluster;
  const steps = stages
    .map((stage) => `${plan.steps.filter((step) => step.stage === stage).length} ${stage}`)
    .join(', ');
  const restarts = plan.steps.filter((step) => step.effect === 'disruptive').length;
  const handoffs = plan.moves.filter((move) => move.delivery === 'handoff' && !move.blocked).length;
  const lines = [
    `Plan ${style.bold(visible(plan.id))}`,
    `cluster ${style.name(visible(cluster.name))} (${cluster.kind}, ${visible(cluster.region)}), account ${visible(cluster.accountId)}${plan.source === 'manifests' ? ', from manifests: a preview that apply refuses' : ''}`,
    `${counted(open.length, 'move')}${plan.moves.length > open.length ? `, ${style.warn(`${plan.moves.length - open.length} blocked`)}` : ''}; ${counted(plan.steps.length, 'step')} (${steps}); ${restarts} of them ${restarts === 1 ? 'restarts' : 'restart'} pods${handoffs > 0 ? `; ${counted(handoffs, 'move')} handed off to ${handoffs === 1 ? 'its' : 'their'} owner` : ''}`,
  ];
  if (!plan.complete) lines.push(style.warn(`${counted(plan.gaps.length, 'thing')} could not be read: see NOT READ`));
  return lines.map((line) => wrap(line, width - 2, '  ')).join('\n');
};

const moveText = (
  plan: Plan,
  index: PlanIndex,
  move: Move,
  common: ReadonlySet<string>,
  style: Style,
  width: number,
): string => {
  const account = plan.cluster.accountId;
  const from = `${move.from.broker}${move.from.role === null ? '' : ` ${roleName(move.from.role, account)}`}`;
  const to = move.to === null ? 'not known yet' : `${move.to.mechanism} ${roleName(move.to.role, account)}`;
  const marks = [
    move.skip ? style.dim('skipped by the reviewer') : '',
    move.delivery === 'handoff'
      ? style.dim(`handed off to ${visible(move.owner.tool)} ${visible(move.owner.ref)}`)
      : '',
    move.risk === 'low' ? '' : style.warn(`${move.risk} risk`),
  ].filter((mark) => mark !== '');
  const lines = [`  ${style.name(visible(move.id))}${marks.length === 0 ? '' : `  ${marks.join(style.dim(' · '))}`}`];
  const field = (label: string, text: string): void => {
    lines.push(`      ${style.dim(label.padEnd(9))} ${wrap(visible(text), width - 16, ' '.repeat(16))}`);
  };
  field('workload', move.workloads.map((workload) => `${workload.kind} ${workload.name}`).join(', '));
  field('from', from);
  field(
    'to',
    `${to}${move.to !== null && move.to.serviceAccount !== `${move.subject.namespace}/${move.subject.name}` ? ` on its own account ${move.to.serviceAccount}` : ''}`,
  );
  field('why', move.why);
  if (!move.blocked) {
    for (const stage of stages) {
      const own = index.stepsOf(move.id).filter((step) => step.stage === stage);
      if (own.length > 0) field(stage, own.map((step) => step.kind).join(' → '));
    }
  }
  const found = index.findingsOf(move);
  for (const finding of found.filter((each) => !common.has(each.code)))
    lines.push(findingText(finding, style, width, false));
  const elsewhere = [...new Set(found.filter((each) => common.has(each.code)).map((each) => each.code))];
  if (elsewhere.length > 0) lines.push(`      ${style.dim(`see also  ${elsewhere.join(' ')}`)}`);
  if (move.note !== '') field('note', move.note);
  return lines.join('\n');
};

const findingText = (finding: Finding, style: Style, width: number, subject: boolean): string => {
  const paint =
    finding.severity === 'block' && finding.acceptedBy === null
      ? style.bad
      : finding.severity === 'info'
        ? style.dim
        : style.warn;
  const accepted = finding.acceptedBy === null ? '' : ' (accepted)';
  const about = subject ? `${finding.subject.kind} ${subjectText(finding.subject)}: ` : '';
  const indent = subject ? '  ' : '      ';
  const severity = finding.severity.padEnd(5);
  const lead = indent.length + severity.length + 1 + 5 + 1;
  const text = wrap(visible(`${about}${finding.message}${accepted}`), width - lead, ' '.repeat(lead));
  const remedy =
    finding.severity === 'block' && finding.acceptedBy === null
      ? `\n${' '.repeat(lead)}${style.dim(wrap(visible(`→ ${finding.remedy}`), width - lead - 2, ' '.repeat(lead + 2)))}`
      : '';
  // Commands are to be copied: they are not wrapped.
  const commands = Array.isArray(finding.evidence.commands) && remedy !== '' ? finding.evidence.commands : [];
  const told = commands.map((command) => `\n${' '.repeat(lead)}${visible(String(command))}`).join('');
  return `${indent}${paint(severity)} ${paint(finding.code)} ${text}${remedy}${told}`;
};

/** The same as Markdown, for a pull request or a ticket. */
export const reviewMarkdown = (plan: Plan): string => {
  const account = plan.cluster.accountId;
  const title = `# Plan ${markdownText(plan.id)}\n\nCluster **${markdownText(plan.cluster.name)}** (${plan.cluster.kind}, ${markdownText(plan.cluster.region)}), account ${markdownText(account)}; digest \`${plan.digest}\`.`;
  const moves = markdownTable(plan.moves, [
    { title: 'Move', cell: (move) => move.id },
    {
      title: 'Workloads',
      cell: (move) => move.workloads.map((workload) => `${workload.kind} ${workload.name}`).join(', '),
    },
    { title: 'From', cell: (move) => `${move.from.broker} ${roleName(move.from.role, account)}` },
    {
      title: 'To',
      cell: (move) => (move.to === null ? '' : `${move.to.mechanism} ${roleName(move.to.role, account)}`),
    },
    {
      title: 'State',
      cell: (move) =>
        move.blocked ? 'blocked' : move.delivery === 'handoff' ? `hand-off (${move.owner.tool})` : 'ready',
    },
    { title: 'Risk', cell: (move) => move.risk },
  ]);
  const findings = markdownTable(plan.findings, [
    { title: 'Code', cell: (finding) => finding.code },
    { title: 'Severity', cell: (finding) => `${finding.severity}${finding.acceptedBy === null ? '' : ' (accepted)'}` },
    { title: 'Subject', cell: (finding) => `${finding.subject.kind} ${subjectText(finding.subject)}` },
    { title: 'What', cell: (finding) => finding.message },
    { title: 'Remedy', cell: (finding) => finding.remedy },
  ]);
  const steps = markdownTable(plan.steps, [
    { title: 'Stage', cell: (step) => step.stage },
    { title: 'Step', cell: (step) => step.id },
    { title: 'Does', cell: (step) => step.title },
    { title: 'Effect', cell: (step) => step.effect },
    { title: 'Undo', cell: (step) => step.undo },
  ]);
  const gaps =
    plan.gaps.length === 0
      ? ''
      : `\n\n## Not read\n\n${plan.gaps.map((gap) => `- ${markdownText(`${gap.area}: ${gap.reason}`)}`).join('\n')}`;
  return `${title}\n\n## Moves\n\n${moves}\n\n## Findings\n\n${findings}\n\n## Steps\n\n${steps}${gaps}\n`;
};
