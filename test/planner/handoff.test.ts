import { describe, expect, it } from 'vitest';
import {
  aBinding,
  anInventory,
  aRole,
  aServiceAccount,
  asking,
  aView,
  aWorkload,
  roleArn,
} from '../helpers/inventory.js';
import { anEstate, aUse, planOf } from './fakes.js';

const role = roleArn('api');
const argo = {
  tool: 'argocd' as const,
  ref: 'argocd/shop; rm -rf /',
  evidence: 'tracking id',
  strength: 'certain' as const,
};
const inventory = anInventory({
  serviceAccounts: [aServiceAccount('payments', 'api', { owners: [argo] })],
  bindings: [aBinding('x', [])],
  roles: [aRole('api')],
});
const owned = aUse(aWorkload('api', { template: asking('api'), owners: [argo] }), {
  broker: 'kiam',
  role,
  wanted: role,
});

describe('what Argo CD owns', () => {
  const plan = planOf(anEstate(inventory, [owned]));
  it('is handed off: the annotation of the account, and the old annotation', () => {
    expect(plan.moves[0]).toMatchObject({ delivery: 'handoff', owner: { tool: 'argocd' }, risk: 'medium' });
    expect(plan.steps.map((step) => step.kind)).toEqual([
      'add-trust-statement',
      'wait-for-handoff',
      'restart-workload',
      'prove-identity',
      'gate',
      'wait-for-handoff',
    ]);
    const [bind, retire] = plan.steps.filter((step) => step.kind === 'wait-for-handoff');
    expect(bind!.params).toMatchObject({
      changes: [
        {
          ref: { kind: 'ServiceAccount', name: 'api' },
          pointer: '/metadata/annotations/eks.amazonaws.com~1role-arn',
          value: role,
        },
      ],
      reverse: [{ pointer: '/metadata/annotations/eks.amazonaws.com~1role-arn', value: null }],
    });
    expect(retire!.params).toMatchObject({
      changes: [{ pointer: '/spec/template/metadata/annotations/iam.amazonaws.com~1role', value: null }],
      reverse: [{ pointer: '/spec/template/metadata/annotations/iam.amazonaws.com~1role', value: 'api' }],
    });
    expect(bind!.undoDependsOn).toEqual([retire!.id]);
    expect(plan.steps.find((step) => step.kind === 'restart-workload')!.dependsOn).toEqual([bind!.id]);
  });
  it('names the break-glass without letting a name become a command', () => {
    const suspend = String(plan.steps.find((step) => step.kind === 'wait-for-handoff')!.params.suspend);
    expect(suspend).toBe("argocd app set 'argocd/shop; rm -rf /' --sync-policy none");
  });
  it('is written live with --gitops live', () => {
    const live = planOf(anEstate(inventory, [owned]), { gitops: 'live' });
    expect(live.steps.map((step) => step.kind)).not.toContain('wait-for-handoff');
  });
  it('on a split hands off only the workload: account, bindings and annotation are ours', () => {
    const bystander = aUse(aWorkload('other', { template: aView() }));
    const split = planOf(anEstate(inventory, [owned, bystander]));
    expect(split.steps.map((step) => step.kind)).toEqual([
      'add-trust-statement',
      'create-service-account',
      'annotate-service-account',
      'wait-for-handoff',
      'prove-identity',
      'gate',
      'wait-for-handoff',
    ]);
    expect(split.steps.find((step) => step.kind === 'wait-for-handoff')!.params).toMatchObject({
      changes: [
        { pointer: '/spec/template/spec/serviceAccountName', value: split.moves[0]!.to!.serviceAccount.split('/')[1] },
      ],
      reverse: [{ pointer: '/spec/template/spec/serviceAccountName', value: 'api' }],
    });
  });
});
