import { readFileSync } from 'node:fs';
import type { JournalEvent } from '../../src/model/journal.js';
import type { Plan, Step } from '../../src/model/plan.js';
import type { KubernetesRef, Ref } from '../../src/model/resource.js';
import { registry } from '../../src/steps/registry.js';
import type { Change, StepKind, Use } from '../../src/steps/step.js';
import { pathOf } from './estate.js';
import type { Call } from './in-between.js';

export type Direction = 'apply' | 'rollback';

/** The step that a request belongs to. */
export interface Belongs {
  readonly step: Step;
  readonly kind: string;
  readonly direction: Direction;
  readonly as: 'write' | 'read';
}

/** Inputs that name what an operation is about; the others may be spelled differently on the wire. */
const naming =
  /^(RoleName|PolicyArn|PolicyName|Url|OpenIDConnectProviderArn|ClientID|clusterName|namespace|serviceAccount|addonName)$/;

/** A run looks for proofs of use whenever it likes, so that no look is known to be its gate's. */
const lookedFor = 'gate';

const pathFits = (ref: KubernetesRef, path: string): boolean =>
  ref.name === '*'
    ? path.startsWith(`${pathOf(ref.apiVersion, ref.kind, ref.namespace)}/`)
    : path === pathOf(ref.apiVersion, ref.kind, ref.namespace, ref.name);

const kubernetesFits = (verb: string, ref: Ref, action: string): boolean => {
  if (ref.api !== 'kubernetes') return false;
  const [method = '', path = ''] = action.split(' ');
  const collection = path === pathOf(ref.apiVersion, ref.kind, ref.namespace);
  switch (verb) {
    case 'create':
      return method === 'POST' && collection;
    case 'patch':
    case 'delete':
      return method === verb.toUpperCase() && pathFits(ref, path);
    case 'get':
      return method === 'GET' && pathFits(ref, path);
    default:
      return method === 'GET' && collection;
  }
};

const fits = (said: Change | Use, call: Call): boolean =>
  said.api === 'kubernetes'
    ? call.service === 'kubernetes' && kubernetesFits(said.verb, said.ref, call.action)
    : call.service === said.service &&
      call.action === said.operation &&
      Object.entries(said.input).every(
        ([name, value]) => !naming.test(name) || typeof value !== 'string' || call.values.has(value),
      );

/** Follows a journal, and tells to which of the steps that are under way by it a request belongs. */
export class UnderWay {
  readonly #plan: Plan;
  readonly #file: string;
  readonly #steps: ReadonlyMap<string, Step>;
  readonly #open = new Map<string, Direction>();
  /** What steps recorded of what they made, by which their undo names it. */
  readonly #made = new Map<string, readonly string[]>();
  #read = 0;

  constructor(plan: Plan, file: string) {
    this.#plan = plan;
    this.#file = file;
    this.#steps = new Map(plan.steps.map((step) => [step.id, step as Step]));
  }

  /** Lines of the journal; the last one may be under way. */
  events(): readonly JournalEvent[] {
    let text = '';
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch {}
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  #follow(): void {
    const events = this.events();
    for (const event of events.slice(this.#read)) {
      if (event.type === 'started') this.#open.set(event.step, 'apply');
      else if (event.type === 'undo-started') this.#open.set(event.step, 'rollback');
      else if ('step' in event) this.#open.delete(event.step);
      // Whoever begins anew has nothing under way but what it takes up again, and says so.
      if (event.type === 'run-started') this.#open.clear();
      if (event.type === 'applied')
        this.#made.set(
          event.step,
          Object.values(event.output).filter((value): value is string => typeof value === 'string'),
        );
    }
    this.#read = events.length;
  }

  of(call: Call): Belongs | null {
    this.#follow();
    const found: Belongs[] = [];
    for (const [id, direction] of this.#open) {
      const step = this.#steps.get(id) as Step;
      const kind = registry.get(step.kind) as StepKind;
      const said = direction === 'apply' ? ('apply' as const) : ('undo' as const);
      const changes = kind.changes(step, said, this.#plan.id).filter((one) => !('dryRun' in one));
      if (call.write && changes.some((one) => fits(one, call)))
        found.push({ step, kind: step.kind, direction, as: 'write' });
      if (!call.write && step.kind !== lookedFor && kind.reads(step, said).some((one) => fits(one, call)))
        found.push({ step, kind: step.kind, direction, as: 'read' });
    }
    const pod = /\/pods\/([^/]+)/.exec(call.action)?.[1];
    const named = (one: Belongs): boolean =>
      this.#made.get(one.step.id)?.some((value) => call.values.has(value)) === true ||
      pod?.startsWith(`${(one.step.params.workload as { name?: string } | undefined)?.name}-`) === true;
    return found.find(named) ?? found[0] ?? null;
  }
}
