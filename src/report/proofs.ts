import type { Style } from '../model/style.js';
import { visible, wrap } from '../model/text.js';
import { roleName } from './role-names.js';
import { table } from './table.js';

export interface ProofRow {
  readonly move: string;
  readonly state: string;
  readonly role: string | null;
  readonly mechanism: string | null;
  readonly proof: string | null;
  readonly since: string | null;
  readonly pods: number;
  readonly reasons: readonly string[];
  readonly notKnown: readonly string[];
}

/** An ISO time to the minute, as `2026-11-22 01:12Z`. */
const minuteOf = (time: string | null): string => time?.replace(/^(.{10})T(.{5}).*Z$/, '$1 $2Z') ?? '-';

/** Which identity, proven how, since when; and who is left on the old ways. */
export const proofsText = (
  rows: readonly ProofRow[],
  dependents: readonly { readonly broker: string; readonly workload: string; readonly role: string | null }[] | null,
  account: string,
  style: Style,
  width: number,
): string => {
  const paint = (text: string, row: ProofRow): string =>
    row.state === 'proven' ? style.good(text) : row.state === 'wrong' ? style.bad(text) : style.warn(text);
  const parts = [
    rows.length === 0
      ? 'the plan has no moves to verify'
      : table(
          rows,
          [
            { title: 'move', cell: (row) => row.move.replace(/^move:/, ''), gives: 1, least: 16 },
            { title: 'state', cell: (row) => row.state, style: paint },
            { title: 'proof', cell: (row) => row.proof ?? '-' },
            { title: 'pods', cell: (row) => String(row.pods) },
            { title: 'role', cell: (row) => roleName(row.role, account), gives: 2, least: 12 },
            { title: 'since', cell: (row) => minuteOf(row.since) },
          ],
          width,
          style.dim,
        ),
  ];
  const reasons = rows.filter((row) => row.reasons.length > 0);
  if (reasons.length > 0) {
    parts.push(
      reasons
        .map(
          (row) =>
            `${paint(row.state === 'wrong' ? '✗' : '…', row)} ${visible(row.move)}\n${row.reasons.map((reason) => `    ${wrap(visible(reason), width - 4, '    ')}`).join('\n')}`,
        )
        .join('\n'),
    );
  }
  const unknown = new Map<string, number>();
  for (const row of rows) for (const text of row.notKnown) unknown.set(text, (unknown.get(text) ?? 0) + 1);
  if (unknown.size > 0) {
    parts.push(
      `${style.dim('not known')}\n${[...unknown].map(([text, count]) => `  ${wrap(visible(`${text}${count > 1 ? ` (${count} moves)` : ''}`), width - 4, '    ')}`).join('\n')}`,
    );
  }
  if (dependents !== null) {
    parts.push(
      dependents.length === 0
        ? 'nobody in this cluster depends on kiam, kube2iam or the node role for a role of its own'
        : `${style.bold('STILL ON THE OLD WAY')}\n${table(
            dependents,
            [
              { title: '  workload', cell: (row) => `  ${row.workload}`, gives: 1, least: 20 },
              { title: 'broker', cell: (row) => row.broker },
              { title: 'role', cell: (row) => roleName(row.role, account), gives: 2, least: 10 },
            ],
            width,
            style.dim,
          )}`,
    );
  }
  return parts.join('\n\n');
};
