import { describe, expect, it } from 'vitest';
import { fold } from '../../src/journal/fold.js';
import { defaultPlanOptions } from '../../src/model/options.js';
import { plan as makePlan } from '../../src/planner/plan.js';
import { oldWays } from '../../src/verify/old-way.js';
import { anInventory, aRole, asking, aWorkload, roleArn } from '../helpers/inventory.js';

type Estate = Partial<ReturnType<typeof anInventory>>;
const estate = (over: Estate = {}) =>
  anInventory({
    roles: [...anInventory().roles, aRole('app')],
    workloads: [aWorkload('api', { template: asking('app') })],
    ...over,
  });
const plan = makePlan(estate(), defaultPlanOptions, { createdAt: '', tool: '' });
const move = 'move:payments/api';
const answer = (over: Estate, of = plan) => oldWays(estate(over), of, fold([]))(move);

describe('the old way of a move', () => {
  it('is gone where nobody serves it any more, or its namespace no longer permits the role', () => {
    expect(answer({ brokers: [] })).toMatchObject({ code: 'RL406', subject: { namespace: 'payments', name: 'api' } });
    const closed = answer({ namespaces: [{ name: 'payments', uid: 'u', annotations: {}, labels: {} }] });
    expect(closed?.cause).toMatch(/^Deployment payments\/api would get no role: /);
  });

  it('is there where the old role would come again', () => {
    expect(plan.moves.map(({ id, from }) => [id, from.role])).toEqual([[move, roleArn('app')]]);
    expect(answer({})).toBeNull();
  });

  it('matters to nobody where there was no role, or no pod asks for it any more', () => {
    const without = { ...plan, moves: plan.moves.map((each) => ({ ...each, from: { ...each.from, role: null } })) };
    expect(answer({ brokers: [] }, without)).toBeNull();
    expect(answer({ brokers: [], workloads: [] })).toBeNull();
  });
});
