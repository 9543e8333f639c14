import { RoleliftError } from '../model/error.js';
import { stages } from '../model/words.js';

interface Linked {
  readonly id: string;
  readonly stage: (typeof stages)[number];
  readonly dependsOn: readonly string[];
}

/** A binary heap of positions, smallest first: the same answer as sorting anew, at any number of steps. */
const heap = () => {
  const items: number[] = [];
  const swap = (left: number, right: number): void => {
    [items[left], items[right]] = [items[right] as number, items[left] as number];
  };
  return {
    get size() {
      return items.length;
    },
    push(item: number): void {
      items.push(item);
      let at = items.length - 1;
      while (at > 0) {
        const above = (at - 1) >> 1;
        if ((items[above] as number) <= (items[at] as number)) return;
        swap(above, at);
        at = above;
      }
    },
    pop(): number {
      const first = items[0] as number;
      const last = items.pop() as number;
      if (items.length > 0) {
        items[0] = last;
        for (let at = 0; ; ) {
          const left = at * 2 + 1;
          const right = left + 1;
          let least = at;
          if (left < items.length && (items[left] as number) < (items[least] as number)) least = left;
          if (right < items.length && (items[right] as number) < (items[least] as number)) least = right;
          if (least === at) break;
          swap(at, least);
          at = least;
        }
      }
      return first;
    },
  };
};

/**
 * Steps in an order in which they can be executed: stage by stage, what others depend on first, and among what is free the
 * order in which they were given. RL904 where they depend on each other in a circle or on what is not there.
 */
export const inOrder = <T extends Linked>(drafts: readonly T[]): readonly T[] => {
  const place = new Map(drafts.map((draft, index) => [draft.id, index]));
  const rank = drafts
    .map((draft, index) => ({ index, stage: stages.indexOf(draft.stage) }))
    .sort((left, right) => left.stage - right.stage || left.index - right.index);
  const rankOf = new Array<number>(drafts.length);
  for (const [position, { index }] of rank.entries()) rankOf[index] = position;
  const open = drafts.map((draft) => draft.dependsOn.length);
  const dependents = new Map<number, number[]>();
  const ready = heap();
  for (const [index, draft] of drafts.entries()) {
    for (const id of draft.dependsOn) {
      const on = place.get(id);
      if (on === undefined) throw broken(`${draft.id} depends on ${id}, which is not a step`);
      const list = dependents.get(on);
      if (list === undefined) dependents.set(on, [index]);
      else list.push(index);
    }
    if (draft.dependsOn.length === 0) ready.push(rankOf[index] as number);
  }
  const ordered: T[] = [];
  while (ready.size > 0) {
    const index = (rank[ready.pop()] as { index: number }).index;
    ordered.push(drafts[index] as T);
    for (const next of dependents.get(index) ?? []) {
      open[next] = (open[next] as number) - 1;
      if (open[next] === 0) ready.push(rankOf[next] as number);
    }
  }
  if (ordered.length < drafts.length) {
    const left = drafts.find((_, index) => (open[index] as number) > 0);
    throw broken(`${left?.id ?? 'a step'} depends on itself through others`);
  }
  return ordered;
};

const broken = (message: string): RoleliftError =>
  new RoleliftError({
    code: 'RL904',
    message,
    cause: 'the steps cannot be brought into an order',
    remedy: 'Report it with the inventory that it was planned from.',
    fault: 'tool',
  });

/** Whether `undoDependsOn` can be satisfied too: no circle. The first step of a circle, or null. */
export const undoCircle = (
  steps: readonly { readonly id: string; readonly undoDependsOn: readonly string[] }[],
): string | null => {
  const known = new Map(steps.map((step) => [step.id, step]));
  const done = new Set<string>();
  const path = new Set<string>();
  for (const start of steps) {
    const stack: { readonly id: string; next: number }[] = [{ id: start.id, next: 0 }];
    while (stack.length > 0) {
      const top = stack.at(-1) as { readonly id: string; next: number };
      if (top.next === 0) {
        if (done.has(top.id)) {
          stack.pop();
          continue;
        }
        path.add(top.id);
      }
      const on = known.get(top.id)?.undoDependsOn[top.next];
      top.next += 1;
      if (on === undefined) {
        path.delete(top.id);
        done.add(top.id);
        stack.pop();
      } else if (path.has(on)) return on;
      else if (!done.has(on)) stack.push({ id: on, next: 0 });
    }
  }
  return null;
};
