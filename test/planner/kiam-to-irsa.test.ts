import { describe, expect, it } from 'vitest';
import {
  account,
  anInventory,
  aRole,
  aServiceAccount,
  asking,
  aView,
  aWorkload,
  issuer,
  issuerHost,
  kiamServerRole,
  providerArn,
  roleArn,
} from '../helpers/inventory.js';
import { aBlock, anEstate, aUse, planOf } from './fakes.js';

const role = roleArn('api');
const inventory = anInventory({
  serviceAccounts: [aServiceAccount('payments', 'api')],
  roles: [aRole('api'), aRole('kiam-server')],
});
const api = aUse(aWorkload('api', { template: asking('api') }), { broker: 'kiam', role, wanted: role });
const estate = anEstate(inventory, [api]);
const step = (plan: ReturnType<typeof planOf>, kind: string) => {
  const found = plan.steps.filter((one) => one.kind === kind);
  if (found.length !== 1) throw new Error(`${found.length} steps of kind ${kind}`);
  return found[0]!;
};

describe('one workload from kiam to IRSA', () => {
  const plan = planOf(estate);

  it('is one move on the service account that it has', () => {
    expect(plan.moves).toHaveLength(1);
    expect(plan.moves[0]).toMatchObject({
      id: 'move:payments/api',
      from: { broker: 'kiam', role },
      to: { mechanism: 'irsa', role, associationRole: null, serviceAccount: 'payments/api' },
      blocked: false,
      risk: 'low',
      delivery: 'live',
    });
  });

  it('adds trust, binds, restarts, proves, waits for proof of use, and only then takes the old way', () => {
    expect(plan.steps.map((one) => one.kind)).toEqual([
      'add-trust-statement',
      'annotate-service-account',
      'restart-workload',
      'prove-identity',
      'gate',
      'remove-pod-annotation',
    ]);
    expect(plan.steps.map((one) => one.stage)).toEqual([
      'prepare',
      'cutover',
      'cutover',
      'cutover',
      'retire',
      'retire',
    ]);
    expect(step(plan, 'annotate-service-account').dependsOn).toEqual([step(plan, 'add-trust-statement').id]);
    expect(step(plan, 'restart-workload').dependsOn).toEqual([step(plan, 'annotate-service-account').id]);
    expect(step(plan, 'prove-identity').dependsOn).toContain(step(plan, 'restart-workload').id);
    expect(step(plan, 'remove-pod-annotation').dependsOn).toContain(step(plan, 'gate').id);
  });

  it('goes back by its own graph: old way, binding, pods, proof, trust', () => {
    expect(step(plan, 'remove-pod-annotation').undoDependsOn).toEqual([]);
    expect(step(plan, 'annotate-service-account').undoDependsOn).toEqual([step(plan, 'remove-pod-annotation').id]);
    expect(step(plan, 'restart-workload').undoDependsOn).toEqual([step(plan, 'annotate-service-account').id]);
    expect(step(plan, 'prove-identity').undoDependsOn).toContain(step(plan, 'restart-workload').id);
    expect(step(plan, 'add-trust-statement').undoDependsOn).toEqual([step(plan, 'prove-identity').id]);
  });

  it('widens the role by exactly this service account', () => {
    expect(step(plan, 'add-trust-statement')).toMatchObject({
      id: `add-trust-statement:${account}/Role/api:payments.api`,
      params: {
        account,
        role: 'api',
        roleArn: role,
        limit: 2048,
        statement: {
          Principal: { Federated: providerArn },
          Condition: {
            StringEquals: {
              [`${issuerHost}:aud`]: 'sts.amazonaws.com',
              [`${issuerHost}:sub`]: 'system:serviceaccount:payments:api',
            },
          },
        },
      },
    });
  });

  it('gives the same bytes for the same inventory and options', () => {
    expect(planOf(estate)).toEqual(plan);
    expect(planOf(estate).digest).toBe(plan.digest);
  });

  it('makes the provider first where it is missing, and takes it last', () => {
    const without = planOf(anEstate({ ...inventory, oidcProviders: [] }, [api]));
    expect(step(without, 'create-oidc-provider')).toMatchObject({
      move: null,
      params: { account, issuer, audiences: ['sts.amazonaws.com'] },
    });
    expect(step(without, 'add-trust-statement').dependsOn).toEqual([step(without, 'create-oidc-provider').id]);
    expect(step(without, 'create-oidc-provider').undoDependsOn).toContain(step(without, 'add-trust-statement').id);
  });

  it('completes a provider that lacks the audience', () => {
    const lacking = planOf(
      anEstate({ ...inventory, oidcProviders: [{ arn: providerArn, account, audiences: ['other'], tags: {} }] }, [api]),
    );
    expect(step(lacking, 'create-oidc-provider')).toMatchObject({ before: { exists: true, audiences: ['other'] } });
  });

  it('has no steps where a block finding was accepted by nobody, and has them where it was', () => {
    const subject = { kind: 'Deployment', namespace: 'payments', name: 'api' };
    const blocked = planOf(estate, {}, [aBlock('RL205', subject)]);
    expect(blocked.moves[0]).toMatchObject({ blocked: true, steps: [], findings: ['RL205:payments/api'] });
    expect(blocked.steps).toEqual([]);
    const accepted = planOf(estate, {}, [aBlock('RL205', subject, '--accept RL205:payments/api')]);
    expect(accepted.moves[0]).toMatchObject({ blocked: false, risk: 'high' });
    expect(accepted.steps).toHaveLength(6);
  });

  it('with --restart once takes the old annotation in the restart, and says on the move what that costs', () => {
    const once = planOf(estate, { restart: 'once' });
    expect(once.steps.map((one) => [one.kind, one.stage])).toEqual([
      ['add-trust-statement', 'prepare'],
      ['annotate-service-account', 'cutover'],
      ['remove-pod-annotation', 'cutover'],
      ['restart-workload', 'cutover'],
      ['prove-identity', 'cutover'],
    ]);
    expect(step(once, 'annotate-service-account').undoDependsOn).toEqual([step(once, 'remove-pod-annotation').id]);
    expect(step(once, 'restart-workload').undoDependsOn).toEqual([step(once, 'annotate-service-account').id]);
    expect(once.moves[0]).toMatchObject({ risk: 'high' });
    expect(once.moves[0]!.why).toContain('once');
  });

  it('restarts no CronJob: its next run takes the new identity', () => {
    const job = aWorkload('nightly', {
      kind: 'CronJob',
      template: asking('api', { serviceAccount: 'nightly' }),
      pods: [],
    });
    const plan = planOf(anEstate(inventory, [aUse(job, { broker: 'kiam', role, wanted: role })]));
    expect(plan.steps.map((one) => one.kind)).not.toContain('restart-workload');
    expect(step(plan, 'remove-pod-annotation').params).toMatchObject({
      workload: { kind: 'CronJob', templatePath: '/spec/jobTemplate/spec/template' },
      keys: ['iam.amazonaws.com/role'],
    });
  });

  it("takes the broker's trust last of all when asked, behind a confirmation, and puts it back first", () => {
    const retired = planOf(estate, { retireTrust: true });
    const removal = step(retired, 'remove-trust-statement');
    expect(retired.steps.at(-1)).toBe(removal);
    expect(removal.params.statement).toMatchObject({ Principal: { AWS: kiamServerRole } });
    const gate = retired.steps.at(-2)!;
    expect(gate).toMatchObject({ kind: 'gate', params: { gate: { kind: 'confirmation' } } });
    expect(gate.dependsOn).toContain(step(retired, 'remove-pod-annotation').id);
    expect(step(retired, 'remove-pod-annotation').undoDependsOn).toEqual([removal.id]);
  });

  it("keeps the broker's trust while another workload still has the role through it", () => {
    const other = aUse(
      aWorkload('other', { template: asking('api', { serviceAccount: 'other', namespace: 'legacy' }) }),
      {
        broker: 'kiam',
        role,
        wanted: role,
      },
    );
    const retired = planOf(anEstate(inventory, [api, other]), { retireTrust: true, namespaces: ['payments'] });
    expect(retired.steps.map((one) => one.kind)).not.toContain('remove-trust-statement');
  });
});

describe('what is no move', () => {
  it('leaves workloads without a role alone', () => {
    const plain = aUse(aWorkload('web', { template: aView({ serviceAccount: 'web' }) }), {
      broker: 'node-role',
      role: roleArn('nodes'),
    });
    expect(planOf(anEstate(inventory, [plain]))).toMatchObject({ moves: [], steps: [], unmoved: [] });
  });

  it('lists what a finding speaks of', () => {
    const owner = aWorkload('web', { template: aView({ serviceAccount: 'web' }) });
    const finding = {
      ...aBlock('RL108', { kind: 'Deployment', namespace: 'payments', name: 'web' }),
      severity: 'info' as const,
    };
    expect(planOf(anEstate(inventory, [aUse(owner)]), {}, [finding]).unmoved).toEqual([
      { subject: finding.subject, code: 'RL108', reason: 'blocked' },
    ]);
  });

  it('never gives a role that a pod does not have today, though no rule says so', () => {
    const denied = aUse(aWorkload('api', { template: asking('api') }), { broker: 'kiam', role: null, wanted: role });
    const plan = planOf(anEstate(inventory, [denied]));
    expect(plan.moves[0]).toMatchObject({ blocked: true, steps: [], findings: ['RL112:payments/api'] });
  });

  it('waits while a pod still runs an older template with another role', () => {
    const mixed = {
      ...api,
      pods: [...api.pods, { pod: api.pods[0]!.pod, answer: { ...api.template, role: roleArn('old') } }],
    };
    const plan = planOf(anEstate(inventory, [mixed]));
    expect(plan.moves[0]).toMatchObject({ blocked: true, findings: ['RL112:payments/api'] });
  });

  it('lets a person accept that by name', () => {
    const denied = aUse(aWorkload('api', { template: asking('api') }), { broker: 'kiam', role: null, wanted: role });
    const plan = planOf(anEstate(inventory, [denied]), { accept: ['RL112:payments/api'] });
    expect(plan.moves[0]).toMatchObject({ blocked: false, risk: 'high' });
    expect(plan.findings[0]).toMatchObject({ acceptedBy: '--accept RL112:payments/api' });
  });
});

describe('options that narrow', () => {
  const second = aUse(
    aWorkload('worker', {
      template: asking('api', { serviceAccount: 'worker', namespace: 'jobs' }),
      ownLabels: { tier: 'batch' },
    }),
    { broker: 'kiam', role, wanted: role },
  );
  const both = anEstate(inventory, [api, second]);
  it.each([
    [{ namespaces: ['pay*'] }, ['move:payments/api']],
    [{ excludeNamespaces: ['pay*'] }, ['move:jobs/worker']],
    [{ selector: 'tier=batch' }, ['move:jobs/worker']],
    [{ selector: 'tier notin (batch)' }, ['move:payments/api']],
    [{ selector: '!tier' }, ['move:payments/api']],
    [{ from: ['kube2iam'] }, []],
  ])('takes %j', (options, moves) => {
    expect(planOf(both, options).moves.map((move) => move.id)).toEqual(moves);
  });

  it('refuses a selector that is none', () => {
    expect(() => planOf(both, { selector: 'a=b=c' })).toThrowError(/cannot be read/);
  });

  it('keeps a workload that is out of scope from gaining the role through a shared account', () => {
    const outside = aUse(aWorkload('side', { template: asking('api'), ownLabels: { keep: 'out' } }), {
      broker: 'kiam',
      role,
      wanted: role,
    });
    const inside = aUse(aWorkload('api', { template: asking('api'), ownLabels: { keep: 'in' } }), {
      broker: 'kiam',
      role,
      wanted: role,
    });
    const plan = planOf(anEstate(inventory, [inside, outside]), { selector: 'keep=in' });
    expect(plan.moves.map((move) => move.to?.serviceAccount)).not.toContain('payments/api');
    expect(plan.moves).toHaveLength(1);
  });
});
