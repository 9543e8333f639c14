import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { parseJournal } from '../../src/journal/codec.js';
import { fold } from '../../src/journal/fold.js';
import type { JournalEvent } from '../../src/model/journal.js';
import type { Plan } from '../../src/model/plan.js';
import type { Ended } from '../helpers/cli.js';
import { type Cell, type Cells, nameOf } from './cells.js';
import { type Call, InBetween, type Trouble } from './in-between.js';
import { begun } from './program.js';
import { type Belongs, type Direction, UnderWay } from './under-way.js';

/** Part of the estate that one plan moves, and what can be said of it from outside. */
export interface Ground {
  readonly title: string;
  /** Arguments of `plan`, and of each run. */
  readonly planned: readonly string[];
  readonly run: readonly string[];
  readonly folder: string;
  /** Everything of it that a run changes, as canonical text, without what a foreign hand put there. */
  picture(): Promise<readonly string[]>;
  /** What is wrong with the identity that any pod has at this moment. */
  identities(done: Direction | null): Promise<readonly string[]>;
  /** Puts something of another hand beside what the plan writes; tells whether all of it is there; takes it away. */
  readonly foreign: { put(): Promise<void>; there(): Promise<boolean>; away(): Promise<void> };
}

type Mode = 'calm' | 'torment' | 'denied';
const directions = ['apply', 'rollback'] as const;
/** What kinds ask for in a calm run. */
export type Asked = Readonly<
  Record<Direction, Map<string, { readonly as: 'write' | 'read'; readonly service: string }>>
>;

interface Queue {
  readonly cell: Cell;
  readonly troubles: Trouble[];
}

/** States of a step that a run in that direction has nothing left to do with. */
const over: Readonly<Record<Direction, readonly string[]>> = {
  apply: ['applied', 'verified', 'skipped'],
  rollback: ['undone', 'skipped'],
};
/** The lock and the list of runs. */
const ofTheRun = /\/(leases|configmaps)(\/|$)/;
/** How many refusals one step meets in one process: it goes on by itself after several, but not after any number. */
const refusals = 2;

/** Runs one plan there and back again and again while its requests meet what the cells say. */
export class Torment {
  readonly #ground: Ground;
  readonly #cells: Cells;
  readonly asked: Asked = { apply: new Map(), rollback: new Map() };
  #between!: InBetween;
  #plan!: Plan;
  #directory = '';
  #pass = 0;
  #foreign = false;
  /** Something may be there that only a rollback takes away. */
  #under = false;
  /** Cells that were met since the last time that everything was looked at. */
  #met: Cell[] = [];
  #queues = new Map<string, Queue>();
  #counts = new Map<string, number>();
  /** Steps whose requests are refused for good in the present run, by their move. */
  readonly #denied = new Map<string, { readonly step: string; readonly cell: Cell }>();
  /** Writes of the calm runs that belong to no step. */
  readonly strays: string[] = [];

  constructor(ground: Ground, cells: Cells) {
    this.#ground = ground;
    this.#cells = cells;
  }

  /** Makes the plan and runs it once there and back without any trouble. */
  async begin(): Promise<{
    readonly before: readonly string[];
    readonly there: readonly string[];
    readonly fold: string;
  }> {
    this.#between = await InBetween.open();
    const made = await this.#command(['plan', '-o', 'pristine', '--json', ...this.#ground.planned]);
    expect(made.code, made.err).toBe(0);
    this.#plan = JSON.parse(made.out) as Plan;
    expect(
      this.#plan.moves.every((move) => !move.blocked),
      this.#ground.title,
    ).toBe(true);
    const before = await this.#ground.picture();
    this.#anew();
    await this.#ends('apply', 'calm', 0);
    const there = await this.#ground.picture();
    const folded = this.#fold('apply');
    expect(await this.#ground.identities('apply')).toEqual([]);
    expect(there).not.toEqual(before);
    await this.#ends('rollback', 'calm', 0);
    expect(await this.#ground.picture()).toEqual(before);
    this.#fold('rollback');
    this.#under = false;
    return { before, there, fold: folded };
  }

  /** Leaves nothing behind that a run made, however the last one ended. */
  async close(): Promise<void> {
    if (this.#under) await this.#once('rollback', 'calm');
    await this.#between?.close();
  }

  /** Goes there and back until none of its kinds has an open cell left. */
  async go(calm: Awaited<ReturnType<Torment['begin']>>, passes: number): Promise<void> {
    const kinds = new Set([...this.asked.apply.keys(), ...this.asked.rollback.keys()]);
    const open = (): boolean => directions.some((direction) => this.#cells.left(kinds, direction));
    for (let pass = 0; pass < passes && open(); pass += 1) {
      this.#anew();
      for (const direction of directions) {
        // A refusal undoes its move: what is done a second time then belongs to a pass of its own.
        for (let round = 0; round < 4 && pass > 0 && this.#cells.left(kinds, direction, ['denied']); round += 1)
          await this.#deny(direction);
        for (let ended: Ended | null = null; ended?.signal !== null; ) {
          ended = await this.#once(direction, 'torment');
          expect(await this.#ground.identities(null), nameOfAll(this.#met)).toEqual([]);
          if (ended.signal === null) expect(ended.code, `${nameOfAll(this.#met)}\n${ended.out}\n${ended.err}`).toBe(0);
          else if (!this.#foreign) {
            await this.#ground.foreign.put();
            this.#foreign = true;
          }
        }
        expect(await this.#ground.picture(), nameOfAll(this.#met)).toEqual(
          direction === 'apply' ? calm.there : calm.before,
        );
        expect(await this.#ground.identities(direction), nameOfAll(this.#met)).toEqual([]);
        const folded = this.#fold(direction);
        if (direction === 'apply') expect(folded, nameOfAll(this.#met)).toBe(calm.fold);
        if (this.#foreign) expect(await this.#ground.foreign.there(), nameOfAll(this.#met)).toBe(true);
        for (const cell of this.#met) this.#cells.survived(cell);
        this.#met = [];
      }
      if (this.#foreign) await this.#ground.foreign.away();
      this.#foreign = false;
      this.#under = false;
    }
  }

  /** One run in which some steps are not allowed to do what they ask for. */
  async #deny(direction: Direction): Promise<void> {
    const from = this.#events().length;
    this.#denied.clear();
    const ended = await this.#once(direction, 'denied');
    const steps = new Set([...this.#denied.values()].map(({ step }) => step));
    const failed = this.#events()
      .slice(from)
      .flatMap((event) => (event.type === 'failed' || event.type === 'undo-failed' ? [event] : []));
    const told = `${nameOfAll(this.#met)}\n${ended.out}\n${ended.err}`;
    const went = new Set(failed.map(({ step }) => step));
    for (const { error } of failed) {
      expect(error.code, told).toBe('RL703');
      expect(error.message, told).toMatch(/^not allowed/);
    }
    expect(went, told).toEqual(steps);
    expect(ended.code, told).toBe(steps.size > 0 ? 1 : 0);
    if (failed.some(({ step }) => this.#moveOf(step) === null)) return;
    // Nobody but whose step was refused is held up.
    const moves = new Set(failed.map(({ step }) => this.#moveOf(step)));
    const { steps: states } = fold(this.#events());
    const others = this.#plan.steps.filter(({ move }) => move !== null && !moves.has(move));
    expect(
      others.filter(({ id }) => !over[direction].includes(states.get(id)?.is ?? 'pending')),
      told,
    ).toEqual([]);
  }

  #moveOf(step: string): string | null {
    return this.#plan.steps.find(({ id }) => id === step)?.move ?? null;
  }

  #anew(): void {
    this.#pass += 1;
    this.#under = true;
    this.#directory = `pass-${this.#pass}`;
    cpSync(path.join(this.#ground.folder, 'pristine'), path.join(this.#ground.folder, this.#directory), {
      recursive: true,
    });
  }

  async #command(args: readonly string[], judge?: (pid: number) => (call: Call) => Trouble | null): Promise<Ended> {
    const running = begun(args, this.#ground.folder, this.#between.env);
    this.#between.forget();
    if (judge !== undefined) this.#between.judge = judge(running.child.pid as number);
    const ended = await running.ended;
    this.#between.judge = () => null;
    return ended;
  }

  async #once(direction: Direction, mode: Mode): Promise<Ended> {
    const trace = new UnderWay(this.#plan, path.join(this.#ground.folder, this.#directory, 'journal.jsonl'));
    this.#queues = new Map();
    this.#counts = new Map();
    const args = [direction, this.#directory, '--yes', ...this.#ground.run];
    const forwards = direction === 'apply' ? ['--soak', '0s', '--accept-unproven', 'all'] : [];
    let dead = false;
    const ended = await this.#command([...args, ...forwards], (pid) => (call) => {
      const at = dead ? null : trace.of(call);
      if (at === null && mode === 'calm' && call.write && !ofTheRun.test(call.action)) this.strays.push(call.action);
      if (at === null) return null;
      const trouble = mode === 'calm' ? this.#note(at, call) : this.#trouble(at, call, mode, pid);
      dead = trouble?.is === 'kill';
      return trouble;
    });
    for (const { cell } of this.#queues.values()) this.#cells.giveBack(cell);
    return ended;
  }

  async #ends(direction: Direction, mode: Mode, code: number): Promise<void> {
    const ended = await this.#once(direction, mode);
    expect(ended.code, `${ended.out}\n${ended.err}`).toBe(code);
  }

  #note({ kind, direction, as }: Belongs, { service }: Call): null {
    const known = this.asked[direction].get(kind);
    if (known === undefined || (as === 'write' && known.as === 'read'))
      this.asked[direction].set(kind, { as, service });
    return null;
  }

  #trouble(at: Belongs, call: Call, mode: Mode, pid: number): Trouble | null {
    const { kind, direction, step } = at;
    if (this.asked[direction].get(kind)?.as !== at.as) return null;
    const key = `${direction} ${step.id}`;
    if (mode === 'denied') {
      const denial = this.#denial(at, call, pid);
      // What several moves share is done once in a pass, so that it meets the rest of its cells here too.
      if (denial !== null || step.move !== null) return denial;
    }
    const queue = this.#queues.get(key);
    if (queue !== undefined) return this.#next(key, queue);
    const met = this.#counts.get(key) ?? 0;
    const cell =
      (met < refusals ? this.#cells.claim(kind, direction, 'refused') : null) ??
      // An apply that is killed where a move had failed leaves that move out when it is taken up again.
      (mode === 'torment' ? this.#cells.claim(kind, direction, 'killed') : null) ??
      this.#cells.claim(kind, direction, 'done');
    if (cell === null) return null;
    this.#counts.set(key, met + 1);
    const troubles = [...cell.fault.troubles(call, pid, () => this.#isMet(key))];
    return this.#next(key, { cell, troubles });
  }

  #next(key: string, queue: Queue): Trouble | null {
    const trouble = queue.troubles.shift();
    if (trouble === undefined) return null;
    this.#queues.set(key, queue);
    // Whether a read told what was before is known only when one was asked for.
    if (queue.troubles.length === 0 && trouble.is !== 'stale') this.#isMet(key);
    return trouble;
  }
  #isMet(key: string): void {
    const queue = this.#queues.get(key);
    if (queue === undefined) return;
    this.#queues.delete(key);
    this.#met.push(queue.cell);
  }

  /** One step of each move, of a kind that nobody was refused yet, is refused for as long as this process lives. */
  #denial({ step, kind, direction }: Belongs, call: Call, pid: number): Trouble | null {
    const of = step.move ?? step.id;
    if (!this.#denied.has(of)) {
      const cell = this.#cells.claim(kind, direction, 'denied');
      if (cell === null) return null;
      this.#denied.set(of, { step: step.id, cell });
      this.#met.push(cell);
    }
    const known = this.#denied.get(of);
    if (known?.step !== step.id || known.cell.direction !== direction) return null;
    return known.cell.fault.troubles(call, pid, () => {})[0] ?? null;
  }

  #events(): readonly JournalEvent[] {
    const file = path.join(this.#ground.folder, this.#directory, 'journal.jsonl');
    try {
      return parseJournal(readFileSync(file), file).events;
    } catch (thrown) {
      if ((thrown as { code?: string }).code === 'ENOENT') return [];
      throw thrown;
    }
  }

  /** What the journal says, as far as two runs that ended alike agree; held to having nothing left under way. */
  #fold(direction: Direction): string {
    const { steps, stuck } = fold(this.#events());
    expect(stuck).toEqual([]);
    const shown = [...steps].map(([id, { is }]) => [id, is === 'verified' ? 'applied' : is]).sort();
    expect(
      [...steps].filter(([, { is }]) => !over[direction].includes(is)),
      `${this.#ground.title}, ${direction}`,
    ).toEqual([]);
    return JSON.stringify(shown);
  }
}

const nameOfAll = (cells: readonly Cell[]): string => cells.map((cell) => nameOf(cell)).join('; ');
