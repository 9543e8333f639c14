import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sayUnmetAcceptances } from '../../src/cli/unmet-acceptances.js';
import { concerns } from '../../src/findings/concerns.js';
import { study } from '../../src/findings/estate.js';
import { matchesGlob } from '../../src/findings/subjects.js';
import type { Finding } from '../../src/model/finding.js';
import type { Message } from '../../src/model/message.js';
import { defaultPlanOptions } from '../../src/model/options.js';
import { subjectText } from '../../src/model/resource.js';
import { plan as makePlan } from '../../src/planner/plan.js';
import { aProposal, judge } from '../helpers/findings.js';
import {
  account,
  anInventory,
  aRole,
  aServiceAccount,
  asking,
  aView,
  aWorkload,
  otherAccount,
  roleArn,
} from '../helpers/inventory.js';

const plain = anInventory();
const inventory = anInventory({
  roles: [...plain.roles, aRole('app'), aRole('other')],
  serviceAccounts: [aServiceAccount('payments', 'api')],
  workloads: [
    aWorkload('api', { template: asking('app'), replicas: 1 }),
    aWorkload('batch', { template: asking('other'), replicas: 1 }),
    aWorkload('web'),
  ],
});

const finding = (over: Partial<Finding>): Finding => ({
  id: 'RL206:payments/api',
  code: 'RL206',
  severity: 'block',
  subject: { kind: 'Deployment', namespace: 'payments', name: 'api' },
  message: '',
  remedy: '',
  evidence: {},
  acceptedBy: null,
  ...over,
});

describe('the findings of an inventory', () => {
  it('are the same for the same input, whatever the order of the workloads', () => {
    const turned = anInventory({ ...inventory, workloads: [...inventory.workloads].reverse() });
    expect(judge(turned)).toEqual(judge(inventory));
  });

  it('have an id each, made of code and subject', () => {
    const all = judge(inventory);
    expect(all.length).toBeGreaterThan(3);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    for (const { id, code, subject } of all) expect(id.startsWith(`${code}:${subjectText(subject)}`)).toBe(true);
  });

  it('are sorted by code and subject', () => {
    const ids = judge(inventory).map(({ code, id }) => `${code} ${id}`);
    expect(ids).toEqual([...ids].sort());
  });

  it('speak of namespaces in scope only', () => {
    const workloads = (namespaces: readonly string[], excludeNamespaces: readonly string[] = []) =>
      judge(inventory, { options: { namespaces, excludeNamespaces } }).filter(
        ({ subject }) => subject.kind === 'Deployment',
      );
    expect(workloads(['pay*']).length).toBeGreaterThan(0);
    expect(workloads(['shop'])).toEqual([]);
    expect(workloads([], ['payments'])).toEqual([]);
  });

  it('carry no value of an annotation that is not theirs', () => {
    const canary = 'canary-7f3a';
    const hostile = anInventory({
      ...inventory,
      workloads: [aWorkload('api', { template: asking('app', { annotations: { secret: canary } }) })],
    });
    expect(JSON.stringify(judge(hostile))).not.toContain(canary);
  });
});

describe('an acceptance', () => {
  it('marks exactly the finding that it names', () => {
    const accepted = judge(inventory, { options: { accept: ['RL210:payments/api'] } }).filter(
      ({ acceptedBy }) => acceptedBy !== null,
    );
    expect(accepted.map(({ id }) => id)).toEqual(['RL210:payments/api']);
  });

  it('may be a pattern where no name is needed, and may carry the kind', () => {
    const count = (accept: string) =>
      judge(inventory, { options: { accept: [accept] } }).filter(({ acceptedBy }) => acceptedBy !== null).length;
    expect(count('RL210:payments/*')).toBe(2);
    expect(count('RL210:Deployment/payments/api')).toBe(1);
    expect(count('RL210:StatefulSet/payments/api')).toBe(0);
  });

  it('is refused where it is no CODE:SUBJECT, and for what nobody can accept', () => {
    const accept = (text: string) => () => judge(inventory, { options: { accept: [text] } });
    expect(accept('RL210')).toThrow(expect.objectContaining({ data: expect.objectContaining({ code: 'RL641' }) }));
    expect(accept('rl210:x')).toThrow(/CODE:SUBJECT/);
    for (const code of ['RL110', 'RL307', 'RL309'])
      expect(accept(`${code}:x`)).toThrow(
        expect.objectContaining({ data: expect.objectContaining({ code: 'RL642' }) }),
      );
    for (const code of ['RL101', 'RL104', 'RL105', 'RL402'])
      expect(accept(`${code}:pay*`)).toThrow(
        expect.objectContaining({ data: expect.objectContaining({ code: 'RL643' }) }),
      );
  });

  it('that met nothing is told', () => {
    // Two that meet the same finding were both meant.
    const accept = ['RL210:payments/*', 'RL210:payments/api', 'RL210:payments/apj'];
    const made = makePlan(inventory, { ...defaultPlanOptions, accept }, { createdAt: '', tool: '' });
    const told: Message[] = [];
    sayUnmetAcceptances({ say: (message) => void told.push(message) }, made);
    expect(told).toEqual([
      { kind: 'note', code: 'RL644', text: '--accept RL210:payments/apj meets no finding of this plan' },
    ]);
  });
});

describe('what a finding is about', () => {
  const estate = study(inventory);
  const proposal = aProposal(estate, 'api', { to: { serviceAccount: 'api-app' }, split: true });
  it.each([
    ['its workload', { kind: 'Deployment', namespace: 'payments', name: 'api' }, true],
    ['another workload', { kind: 'Deployment', namespace: 'payments', name: 'batch' }, false],
    ['another kind of its name', { kind: 'StatefulSet', namespace: 'payments', name: 'api' }, false],
    ['the account that it uses', { kind: 'ServiceAccount', namespace: 'payments', name: 'api' }, true],
    ['the account that it ends on', { kind: 'ServiceAccount', namespace: 'payments', name: 'api-app' }, true],
    ['another account', { kind: 'ServiceAccount', namespace: 'shop', name: 'api' }, false],
    ['its role', { kind: 'Role', account, name: 'app' }, true],
    ['a role of that name elsewhere', { kind: 'Role', account: otherAccount, name: 'app' }, false],
    ["its account's provider", { kind: 'OIDCProvider', account, name: 'x' }, true],
    ['the webhook', { kind: 'MutatingWebhookConfiguration', name: 'pod-identity-webhook' }, true],
    ['a gap', { kind: 'Gap', name: 'kubernetes:secrets' }, false],
  ])('%s', (_what, subject, expected) => {
    expect(concerns(finding({ subject }), proposal)).toBe(expected);
  });

  it('is what its evidence says, where it names moves', () => {
    expect(concerns(finding({ evidence: { moves: ['move:x/y'] } }), proposal)).toBe(false);
    expect(
      concerns(finding({ subject: { kind: 'Gap', name: 'x' }, evidence: { moves: [proposal.id] } }), proposal),
    ).toBe(true);
  });
});

describe('globs', () => {
  it('match like the obvious slow way', () => {
    const slow = (glob: string, text: string): boolean => {
      if (glob === '') return text === '';
      if (glob[0] === '*') return slow(glob.slice(1), text) || (text !== '' && slow(glob, text.slice(1)));
      return text !== '' && (glob[0] === '?' || glob[0] === text[0]) && slow(glob.slice(1), text.slice(1));
    };
    const letters = (all: readonly string[]) =>
      fc.array(fc.constantFrom(...all), { maxLength: 8 }).map((list) => list.join(''));
    fc.assert(
      fc.property(letters(['a', 'b', '*', '?']), letters(['a', 'b']), (glob, text) => {
        expect(matchesGlob(glob, text)).toBe(slow(glob, text));
      }),
    );
  });
});

describe('no finding blocks less than it must', () => {
  it('a workload that wants a role which it does not hold is always blocked', () => {
    const permitted = fc.constantFrom('.*', '.*/app', 'other', '(', '');
    const trusted = fc.boolean();
    const hostNetwork = fc.boolean();
    const asked = fc.constantFrom('app', '/app', '//app', '', 'ghost', roleArn('app'), 'ARN:x');
    fc.assert(
      fc.property(permitted, trusted, hostNetwork, asked, (pattern, trusts, host, role) => {
        const made = anInventory({
          namespaces: [
            { name: 'payments', uid: 'u', annotations: { 'iam.amazonaws.com/permitted': pattern }, labels: {} },
          ],
          roles: [
            ...plain.roles,
            trusts ? aRole('app') : aRole('app', { trust: '{"Version":"2012-10-17","Statement":[]}' }),
          ],
          rolesMissing: [roleArn('ghost')],
          workloads: [aWorkload('api', { template: role === 'none' ? aView() : asking(role, { hostNetwork: host }) })],
        });
        const estate = study(made);
        const use = estate.uses[0];
        const blocked = judge(made).some(
          ({ severity, subject }) => severity === 'block' && subject.kind === 'Deployment' && subject.name === 'api',
        );
        if (use !== undefined && (use.role === null || use.role !== use.wanted)) expect(blocked).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
