import type { Workload } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';
import type { Step } from '../model/plan.js';
import type { Mechanism, Stage } from '../model/words.js';
import { registry } from '../steps/registry.js';

/** What binds a service account to a role. */
export interface Bound {
  readonly mechanism: Mechanism;
  readonly role: string;
}

/** A service account that carries a plan's marks, with what runs with it. */
export interface MarkedMove {
  readonly namespace: string;
  readonly name: string;
  bound: Bound | null;
  readonly workloads: Workload[];
}

/** A plan while it is put together from marks: its steps, and what cannot be taken away. */
export class MarkedDraft {
  readonly steps: Step[] = [];
  /** Pre-images by step, as far as they can be told. */
  readonly preimages = new Map<string, JsonObject>();
  readonly left: string[] = [];
  readonly moves = new Map<string, MarkedMove>();

  /** The move of a service account, begun where there is none yet. */
  moveOf(namespace: string, name: string): { readonly key: string; readonly move: MarkedMove } {
    const key = `move:${namespace}/${name}`;
    const move = this.moves.get(key) ?? { namespace, name, bound: null, workloads: [] };
    this.moves.set(key, move);
    return { key, move };
  }

  /** Adds a step, with what its pre-image can be told to have been. */
  add(
    kind: string,
    name: string,
    of: {
      readonly stage: Stage;
      readonly move: string | null;
      readonly target: Step['target'];
      readonly params: JsonObject;
      readonly before?: JsonObject;
      readonly preimage?: JsonObject;
    },
  ): void {
    const bare: Step = {
      id: `${kind}:${name}`,
      kind,
      stage: of.stage,
      move: of.move,
      title: '',
      target: of.target,
      params: of.params,
      before: of.before ?? {},
      after: {},
      dependsOn: [],
      undoDependsOn: [],
      effect: 'none',
      undo: '',
      skip: false,
      note: '',
    };
    const told = registry.get(kind)?.describe(bare);
    this.steps.push({ ...bare, title: told?.title ?? bare.id, effect: told?.effect ?? 'none', undo: told?.undo ?? '' });
    this.preimages.set(bare.id, of.preimage ?? {});
  }
}
