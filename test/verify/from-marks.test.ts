import { describe, expect, it } from 'vitest';
import { openJournal } from '../../src/journal/journal.js';
import { memoryStore } from '../../src/journal/memory-store.js';
import { scan } from '../../src/scan/collect.js';
import { type MarkedPlan, planFromMarks, plansInMarks } from '../../src/verify/from-marks.js';
import { readMarks } from '../../src/verify/mark-reads.js';
import { writeMarkedJournal } from '../../src/verify/marked-journal.js';
import { type Estate, estates } from '../faults/estates.js';
import { actorOf, begin, look, type Moment, run, scanOptions, textOf } from '../faults/stage.js';

const estateOf = (title: string, options: Estate['options'] = {}): Estate => {
  const found = estates.find((each) => each.title.startsWith(title));
  if (found === undefined) throw new Error(`no estate ${title}`);
  return { ...found, options: { ...found.options, ...options } };
};

/** An estate that a plan was carried out on and whose journal was lost, before and after, and what its marks tell. */
const lost = async (estate: Estate) => {
  const { moment, plan } = await begin(estate);
  const before = textOf(moment.sandbox);
  const done = await run(actorOf(estate, plan), moment, 'apply');
  expect(done.failures).toEqual([]);
  const { inventory, reads } = await look(estate, moment, async (clients) => {
    const seen = await scan(clients, scanOptions(estate));
    return { inventory: seen, reads: await readMarks(clients.kubernetes(), seen) };
  });
  return { moment, plan, before, inventory, reads };
};

const undo = async (estate: Estate, moment: Moment, marked: MarkedPlan) => {
  const store = memoryStore();
  const journal = await openJournal(store, { clock: moment.clock, run: 'marks' });
  const caller = { arn: '', account: marked.plan.cluster.accountId, kubernetesUser: '' };
  await writeMarkedJournal(journal, marked, { caller, holder: 'a person', tool: 'test' });
  return run(actorOf(estate, marked.plan), { ...moment, store }, 'rollback');
};

const split = estateOf('kiam to IRSA: an account that is split', { retireTrust: false });

describe('a plan put together from marks', () => {
  it('takes everything back without a journal, an account that was split included', async () => {
    const { moment, plan, before, inventory, reads } = await lost(split);
    expect(plansInMarks(inventory, reads)).toEqual([plan.id]);
    const result = await undo(split, moment, planFromMarks(inventory, plan.id, reads, true));
    expect(result.failures).toEqual([]);
    expect(result.exit).toBe(0);
    expect(textOf(moment.sandbox)).toBe(before);
  });

  it('takes associations away, and keeps the roles that the plan made and says so', async () => {
    const estate = estateOf('kiam to Pod Identity, with roles of their own');
    const { moment, plan, inventory, reads } = await lost(estate);
    expect(inventory.associations).not.toEqual([]);
    const marked = planFromMarks(inventory, plan.id, reads, true);
    const made = plan.steps.flatMap(({ kind, params }) => (kind === 'create-role' ? [String(params.name)] : []));
    expect(made).toHaveLength(1);
    expect(marked.left).toContainEqual(expect.stringMatching(new RegExp(`^role arn:\\S+/${made[0]} .*is kept`)));
    const result = await undo(estate, moment, marked);
    expect(result.exit).toBe(0);
    const after = await look(estate, moment, (clients) => scan(clients, scanOptions(estate)));
    expect(after.associations).toEqual([]);
    expect(textOf(moment.sandbox)).toContain(`"${made[0]}"`);
  });

  it('names the trust that a role of another account keeps for a role that the plan made', async () => {
    const { plan, inventory, reads } = await lost(estateOf('a role of another account'));
    const { left } = planFromMarks(inventory, plan.id, reads, true);
    const kept = left.filter((text) =>
      /^statement Rolelift\w+ of role arn:aws:iam::\d+:role\/api lets arn:/.test(text),
    );
    expect(kept.length).toBeGreaterThan(0);
  });

  it('undoes nothing of another plan', async () => {
    const { inventory, reads } = await lost(split);
    expect(planFromMarks(inventory, 'another', reads, false).plan.steps).toEqual([]);
  });
});
