import { describe, expect, it } from 'vitest';
import { RoleliftError } from '../../src/model/error.js';
import { defaultPlanOptions } from '../../src/model/options.js';
import { plan } from '../../src/planner/plan.js';
import { optionsOf, resealPlan, validatePlan } from '../../src/planner/validate.js';
import { registry } from '../../src/steps/registry.js';
import { anInventory, aRole, aServiceAccount, asking, aWorkload } from '../helpers/inventory.js';

const inventory = anInventory({
  workloads: [aWorkload('api', { template: asking('api') })],
  serviceAccounts: [aServiceAccount('payments', 'api')],
  roles: [...anInventory().roles, aRole('api')],
});
const made = plan(inventory, defaultPlanOptions, { createdAt: '2026-11-21T10:00:00Z', tool: 'test' });
type Loose = any;
const edited = (edit: (value: Loose) => void): unknown => {
  const value = JSON.parse(JSON.stringify(made)) as Loose;
  edit(value);
  return value;
};
const refusal = (act: () => unknown): { readonly code: string; readonly message: string; readonly exit: number } => {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof RoleliftError)
      return { code: thrown.data.code, message: thrown.data.message, exit: thrown.exit };
    throw thrown;
  }
  throw new Error('it was taken');
};
const place = (kind: string): number => made.steps.findIndex((step) => step.kind === kind);

describe('a plan from a file', () => {
  it('is taken as it was written', () => {
    expect(validatePlan(edited(() => {}))).toEqual(made);
  });

  it.each<[string, (value: Loose) => void, string, string]>([
    ['another format', (value) => (value.format = 'rolelift.plan/2'), 'RL611', 'format'],
    ['no plan at all', (value) => delete value.format, 'RL611', 'format'],
    ['a field too many', (value) => (value.moves[0].extra = 1), 'RL612', 'moves[0]'],
    ['a wrong type', (value) => (value.steps[1].dependsOn = 'x'), 'RL612', 'steps[1].dependsOn'],
    ['another id', (value) => (value.id = 'prod-000000'), 'RL613', 'id'],
  ])('is refused with %s', (_, edit, code, path) => {
    expect(refusal(() => validatePlan(edited(edit)))).toMatchObject({
      code,
      exit: 4,
      message: expect.stringContaining(`plan.json: ${path}`),
    });
  });

  it('names the path that somebody edited where the original can be made again', () => {
    const value = edited((one) => (one.moves[0].why = 'because'));
    expect(refusal(() => validatePlan(value, { original: made })).message).toMatch(/moves\[0\]\.why was edited/);
    expect(refusal(() => validatePlan(value)).code).toBe('RL613');
  });

  it('names the path without it where the edit contradicts the rest', () => {
    const value = edited((one) => (one.steps[place('restart-workload')].title = 'nothing to see'));
    expect(refusal(() => validatePlan(value)).message).toContain(
      `steps[${place('restart-workload')}].title was edited`,
    );
  });

  it('takes notes and skips of moves without a new digest', () => {
    const value = edited((one) => {
      one.moves[0].skip = true;
      one.moves[0].note = 'next week';
      one.steps[0].note = 'looked at';
    });
    expect(validatePlan(value)).toMatchObject({ digest: made.digest, moves: [{ skip: true }] });
  });

  it('lets a leaf be skipped, and nothing that others depend on, and no trust step, proof or gate', () => {
    const skip = (kind: string) => edited((one) => (one.steps[place(kind)].skip = true));
    for (const kind of [
      'add-trust-statement',
      'prove-identity',
      'gate',
      'annotate-service-account',
      'restart-workload',
    ])
      expect(refusal(() => validatePlan(skip(kind)))).toMatchObject({ code: 'RL616', exit: 4 });
    const leaf = { ...registry.get('remove-pod-annotation')!, skippable: true };
    const kinds = new Map([...registry, ['remove-pod-annotation', leaf]]);
    expect(validatePlan(skip('remove-pod-annotation'), { kinds }).steps.at(-1)).toMatchObject({ skip: true });
  });
});

describe('resealing', () => {
  it('gives an edit that holds a new digest', () => {
    const again = resealPlan(edited((one) => (one.moves[0].why = 'a person says so')));
    expect(again.digest).not.toBe(made.digest);
    expect(validatePlan(JSON.parse(JSON.stringify(again)))).toEqual(again);
  });

  const other = 'arn:aws:iam::111122223333:role/admin';
  it.each<[string, (value: Loose) => void, string]>([
    ['an unknown kind', (value) => (value.steps[0].kind = 'run-script'), 'RL614'],
    ['parameters of another kind', (value) => (value.steps[0].params = { command: 'x' }), 'RL610'],
    [
      'another role on the account',
      (value) =>
        (value.steps[place('annotate-service-account')].params.annotations = { 'eks.amazonaws.com/role-arn': other }),
      'RL615',
    ],
    ['another role to trust', (value) => (value.steps[place('add-trust-statement')].params.roleArn = other), 'RL615'],
    [
      'another account',
      (value) => (value.steps[place('add-trust-statement')].params.account = '999988887777'),
      'RL615',
    ],
    [
      'a way out of the path',
      (value) => (value.steps[place('annotate-service-account')].params.name = '../../secrets/x'),
      'RL615',
    ],
    [
      'a query in a name',
      (value) => (value.steps[place('annotate-service-account')].params.namespace = 'a?x=1'),
      'RL615',
    ],
    ['a proof left out of the order', (value) => value.steps.reverse(), 'RL614'],
    ['a step that depends on nothing there', (value) => value.steps[2].dependsOn.push('gone'), 'RL614'],
    [
      'a step that waits for itself on the way back',
      (value) => value.steps[2].undoDependsOn.push(value.steps[2].id),
      'RL614',
    ],
    ['two steps of one id', (value) => (value.steps[2].id = value.steps[1].id), 'RL614'],
    ['a block finding taken off its move', (value) => (value.moves[0].findings = ['RL101:x/y']), 'RL614'],
    ['options of nowhere', (value) => (value.options.target = 'moon'), 'RL617'],
  ])('refuses %s', (_, edit, code) => {
    expect(refusal(() => resealPlan(edited(edit)))).toMatchObject({ code, exit: 4 });
  });

  it('reads the options back as they were', () => {
    expect(optionsOf(made)).toEqual(defaultPlanOptions);
  });
});

describe('the shapes of what is not JSON of ours', () => {
  it.each([null, 1, 'plan', [], {}, { format: 'x' }, { format: 'rolelift.plan/1' }, { __proto__: null }])(
    '%j is refused',
    (value) => {
      expect(refusal(() => validatePlan(value)).code).toMatch(/^RL61[12]$/);
    },
  );
});
