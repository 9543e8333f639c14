import { spelled } from '../faults/api-troubles.js';
import type { Call, Trouble } from './in-between.js';
import type { Belongs, Direction } from './under-way.js';

/** What a request of a step meets, and whom it can meet. */
interface Fault {
  readonly name: string;
  /**
   * `refused`: nothing was done, and the step asks again by itself; `killed`: it cannot; `done`: it need not; `denied`: it asks in
   * vain.
   */
  readonly sort: 'refused' | 'killed' | 'done' | 'denied';
  meets(at: Pick<Belongs, 'kind' | 'direction' | 'as'>, service: string): boolean;
  troubles(call: Call, pid: number, served: () => void): readonly Trouble[];
}

const said = (what: string, call: Call, retryAfter?: string): Trouble => {
  const spelling = spelled[what]?.[call.service as 'iam'];
  if (spelling === undefined) throw new Error(`nobody knows how ${call.service} says ${what}`);
  const { code, status } = spelling as { readonly code: string; readonly status: number };
  return { is: 'refused', code, status, ...(retryAfter === undefined ? {} : { retryAfter }) };
};
const always = (): boolean => true;
/** A read changes nothing: none conflicts, and an answer that was lost is asked for again as one that never was sent. */
const writes: Fault['meets'] = ({ as }) => as === 'write';

export const faults: readonly Fault[] = [
  {
    name: 'throttled twice',
    sort: 'refused',
    meets: always,
    troubles: (call) => [said('throttled', call, '1'), said('throttled', call)],
  },
  { name: 'a server error', sort: 'refused', meets: always, troubles: (call) => [said('failed', call)] },
  {
    name: 'unavailable twice',
    sort: 'refused',
    meets: always,
    troubles: (call) => [said('unavailable', call), said('unavailable', call)],
  },
  {
    name: 'the connection breaks before',
    sort: 'refused',
    meets: always,
    troubles: () => [{ is: 'reset', when: 'before' }],
  },
  { name: 'a conflict', sort: 'refused', meets: writes, troubles: (call) => [said('conflict', call)] },
  {
    name: 'a role that EKS does not know yet',
    sort: 'refused',
    meets: ({ kind, direction }) => kind === 'create-pod-identity-association' && direction === 'apply',
    troubles: () => [
      {
        is: 'refused',
        code: 'InvalidParameterException',
        status: 400,
        message: 'Role provided in the request does not exist.',
      },
    ],
  },
  {
    name: 'killed before',
    sort: 'killed',
    meets: always,
    troubles: (_call, pid) => [{ is: 'kill', when: 'before', pid }],
  },
  { name: 'the answer lost', sort: 'done', meets: writes, troubles: () => [{ is: 'reset', when: 'after' }] },
  {
    // An API server reads what it wrote.
    name: 'reads of what was before',
    sort: 'done',
    meets: ({ as }, service) => as === 'write' && service !== 'kubernetes',
    troubles: (_call, _pid, served) => [{ is: 'stale', ms: 2_000, served }],
  },
  {
    name: 'killed after',
    sort: 'killed',
    meets: always,
    troubles: (_call, pid) => [{ is: 'kill', when: 'after', pid }],
  },
  { name: 'not allowed', sort: 'denied', meets: always, troubles: (call) => [said('denied', call)] },
];

export interface Cell {
  readonly kind: string;
  readonly direction: Direction;
  readonly fault: Fault;
}
export const nameOf = ({ kind, direction, fault }: Cell): string => `${kind}, ${direction}, ${fault.name}`;

/** All cells of the matrix: what is still to be met, by whoever comes first, and what was survived. */
export class Cells {
  readonly #all = new Map<string, Cell>();
  readonly #open = new Set<string>();
  readonly #survived = new Set<string>();

  expect(kind: string, direction: Direction, as: 'write' | 'read', service: string): void {
    for (const fault of faults) {
      const cell = { kind, direction, fault };
      if (!fault.meets({ kind, direction, as }, service)) continue;
      if (this.#all.has(nameOf(cell))) continue;
      this.#all.set(nameOf(cell), cell);
      this.#open.add(nameOf(cell));
    }
  }

  /** Takes the next open cell of that kind and direction with that sort of fault; null where there is none. */
  claim(kind: string, direction: Direction, sort: Fault['sort']): Cell | null {
    for (const name of this.#open) {
      const cell = this.#all.get(name) as Cell;
      if (cell.kind !== kind || cell.direction !== direction || cell.fault.sort !== sort) continue;
      this.#open.delete(name);
      return cell;
    }
    return null;
  }
  /** What was claimed and not met, for somebody else to meet. */
  giveBack(cell: Cell): void {
    this.#open.add(nameOf(cell));
  }
  survived(cell: Cell): void {
    this.#survived.add(nameOf(cell));
  }
  /** Whether some of these kinds still have open cells of that direction, with one of these sorts of faults. */
  left(
    kinds: ReadonlySet<string>,
    direction: Direction,
    sorts: readonly Fault['sort'][] = ['refused', 'killed', 'done', 'denied'],
  ): boolean {
    return [...this.#open].some((name) => {
      const cell = this.#all.get(name) as Cell;
      return cell.direction === direction && kinds.has(cell.kind) && sorts.includes(cell.fault.sort);
    });
  }
  get totals(): { readonly cells: number; readonly survived: number; readonly missing: readonly string[] } {
    const missing = [...this.#all.keys()].filter((name) => !this.#survived.has(name));
    return { cells: this.#all.size, survived: this.#survived.size, missing };
  }
}
