import type { Style } from '../model/style.js';
import { roleName } from './role-names.js';
import { table } from './table.js';

export interface IdentityRow {
  readonly workload: string;
  readonly container: string;
  readonly role: string | null;
  readonly via: string;
}

/** What each container got before and gets now. */
export const identitiesText = (
  before: readonly IdentityRow[],
  now: readonly IdentityRow[],
  account: string,
  style: Style,
  width: number,
): string => {
  const old = new Map(before.map((row) => [`${row.workload} ${row.container}`, row]));
  const rows = now
    .map((row) => ({ row, was: old.get(`${row.workload} ${row.container}`) ?? null }))
    .filter(({ row, was }) => row.role !== null || was?.role !== null);
  return table(
    rows,
    [
      { title: 'workload', cell: ({ row }) => row.workload, gives: 2, least: 16 },
      { title: 'role', cell: ({ row }) => roleName(row.role, account), gives: 1, least: 14 },
      { title: 'before', cell: ({ was }) => was?.via ?? '-' },
      {
        title: 'now',
        cell: ({ row }) => row.via,
        style: (text, { row, was }) => (row.via === was?.via ? style.dim(text) : style.good(text)),
      },
      {
        title: 'same role',
        cell: ({ row, was }) => (row.role === was?.role ? 'yes' : 'NO'),
        style: (text, { row, was }) => (row.role === was?.role ? style.good(text) : style.bad(text)),
      },
    ],
    width,
    style.dim,
  );
};
