import type { Inventory } from '../model/inventory.js';
import type { Style } from '../model/style.js';
import { counted, visible, wrap } from '../model/text.js';
import { roleName } from './role-names.js';
import { table } from './table.js';

/** One workload and what it gets its credentials from. */
export interface UseRow {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  readonly serviceAccount: string;
  readonly broker: string;
  readonly role: string | null;
  readonly reason: string;
  readonly code: string | null;
}

/** What uses which credentials: the result of a scan for people. */
export const usesText = (inventory: Inventory, rows: readonly UseRow[], style: Style, width: number): string => {
  const cluster = inventory.cluster;
  const brokers = inventory.brokers
    .filter((broker) => broker.component !== 'agent')
    .map(
      (broker) =>
        `${broker.broker}${broker.version === '' ? '' : ` ${broker.version}`}${broker.assumed ? ' (assumed)' : ''}`,
    );
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(row.broker, (counts.get(row.broker) ?? 0) + 1);
  const sums = [...counts]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([broker, count]) => `${count} ${broker}`);
  const parts = [
    [
      wrap(
        `cluster ${style.name(visible(cluster.name || '(unnamed)'))} (${cluster.kind}, ${visible(cluster.region)}, Kubernetes ${visible(cluster.kubernetesVersion)}), account ${visible(cluster.accountId || 'unknown')}`,
        width - 2,
        '  ',
      ),
      `brokers: ${brokers.length === 0 ? 'none found' : visible([...new Set(brokers)].join(', '))}`,
      `${counted(rows.length, 'workload')}: ${sums.join(', ') || 'none'}`,
    ].join('\n'),
  ];
  const shown = rows.filter((row) => row.broker !== 'none' || row.code !== null);
  if (shown.length > 0) {
    parts.push(
      table(
        shown,
        [
          { title: 'workload', cell: (row) => `${row.namespace}/${row.name}`, gives: 2, least: 18 },
          { title: 'kind', cell: (row) => row.kind, gives: 4, least: 6 },
          {
            title: 'broker',
            cell: (row) => row.broker,
            style: (text, row) => (row.broker === 'none' ? style.dim(text) : text),
          },
          { title: 'role', cell: (row) => roleName(row.role, cluster.accountId), gives: 1, least: 14 },
          { title: 'note', cell: (row) => row.code ?? '', style: style.warn },
        ],
        width,
        style.dim,
      ),
    );
  }
  const quiet = rows.length - shown.length;
  if (quiet > 0) parts.push(style.dim(`${counted(quiet, 'workload')} without AWS credentials not shown`));
  if (inventory.gaps.length > 0) {
    parts.push(
      `${style.bold('NOT READ')}\n${inventory.gaps.map((gap) => `  ${wrap(visible(`${gap.area}: ${gap.reason}`), width - 4, '    ')}`).join('\n')}`,
    );
  }
  return parts.join('\n\n');
};
