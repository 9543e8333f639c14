import { describe, expect, it } from 'vitest';
import { callerRole } from '../../../src/findings/rules/rl503-own-identity-in-plan.js';
import { brief, judged } from '../../helpers/findings.js';
import { account, anInventory, aRole, aServiceAccount, asking, aWorkload } from '../../helpers/inventory.js';

const plain = anInventory();
const estate = (over: Parameters<typeof anInventory>[0] = {}) =>
  anInventory({
    roles: [...plain.roles, aRole('app')],
    serviceAccounts: [aServiceAccount('payments', 'api')],
    workloads: [aWorkload('api', { template: asking('app') })],
    ...over,
  });

describe('RL501 not-readable', () => {
  it('tells every gap and what it hides', () => {
    const gaps = [{ area: 'iam:999988887777', reason: 'AccessDenied', hides: ['trust'] }];
    const found = judged('RL501', estate({ gaps }));
    expect(brief(found)).toEqual(['warn RL501:iam:999988887777']);
    expect(found[0]?.evidence).toEqual({ ...gaps[0] });
  });
  it('gives two gaps of one area an id each, and is silent without gaps', () => {
    const gaps = [
      { area: 'a', reason: 'one', hides: [] },
      { area: 'a', reason: 'two', hides: [] },
      { area: 'a', reason: 'two', hides: [] },
    ];
    expect(judged('RL501', estate({ gaps })).map(({ id }) => id)).toEqual(['RL501:a', 'RL501:a:2']);
    expect(judged('RL501', estate())).toEqual([]);
  });
});

describe('RL502 webhook-not-healthy', () => {
  it('blocks an absent webhook and one without an endpoint', () => {
    expect(brief(judged('RL502', estate({ webhook: { present: false } })))).toEqual([
      'block RL502:pod-identity-webhook',
    ]);
    expect(judged('RL502', estate({ webhook: { healthy: false } }))).toHaveLength(1);
  });
  it('is silent where its health cannot be told, offline, and where nothing moves', () => {
    expect(judged('RL502', estate({ webhook: { healthy: 'unknown' } }))).toEqual([]);
    expect(judged('RL502', estate({ source: 'manifests', webhook: { present: false } }))).toEqual([]);
    expect(judged('RL502', estate({ workloads: [], webhook: { present: false } }))).toEqual([]);
  });
});

describe('RL503 own-identity-in-plan', () => {
  const caller = (arn: string, kubernetesUser = 'me') =>
    judged('RL503', estate({ caller: { arn, account, kubernetesUser } }));
  it('blocks the role and the service account that rolelift runs with', () => {
    expect(brief(caller(`arn:aws:sts::${account}:assumed-role/app/session`))).toEqual([`block RL503:${account}/app`]);
    expect(brief(caller(`arn:aws:iam::${account}:user/me`, 'system:serviceaccount:payments:api'))).toEqual([
      'block RL503:payments/api',
    ]);
  });
  it('is silent for others, of the same name in another account too', () => {
    expect(caller('arn:aws:sts::999988887777:assumed-role/app/session')).toEqual([]);
    expect(caller(`arn:aws:iam::${account}:user/app`)).toEqual([]);
  });
  it("reads the role of a caller's ARN", () => {
    expect(callerRole(`arn:aws:iam::${account}:role/team/deep/app`)).toEqual({ account, name: 'app' });
    expect(callerRole(`arn:aws:iam::${account}:root`)).toBeNull();
    expect(callerRole('role/app')).toBeNull();
  });
});
