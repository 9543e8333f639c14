import { describe, expect, it } from 'vitest';
import { kiamPermits, kiamResolve, kiamRole, kiamSessionName, kiamUnanchored } from '../../src/identity/kiam.js';
import { asking, kiam, pod } from './estate.js';

const base = 'arn:aws:iam::111122223333:role/';
const permitted = (expression: string) => ({ 'iam.amazonaws.com/permitted': expression });
const verdict = (expression: string, compared: string, unanchored: boolean) =>
  kiamPermits(permitted(expression), compared, unanchored).is;

describe('role text to ARN, as kiam v4 reads it', () => {
  it.each([
    ['app', `${base}app`],
    ['/app', `${base}app`],
    ['team/app', `${base}team/app`],
    ['/team/app', `${base}team/app`],
    ['//app', `${base}/app`],
    ['arn:aws:iam::999988887777:role/x', 'arn:aws:iam::999988887777:role/x'],
    ['ARN:aws:iam::999988887777:role/x', `${base}ARN:aws:iam::999988887777:role/x`],
    ['/arn:aws:iam::1:role/x', `${base}arn:aws:iam::1:role/x`],
    [' app', `${base} app`],
  ])('%s', (text, expected) => {
    expect(kiamRole(text, base, 'kiam-v4')).toEqual({ arn: expected });
  });

  it('is an error where it is empty, and where the base is not known', () => {
    expect(kiamRole('', base, 'kiam-v4')).toMatchObject({ code: 'RL103' });
    expect(kiamRole('app', null, 'kiam-v4')).toMatchObject({ code: 'RL103' });
    expect(kiamRole('arn:aws:iam::1:role/x', null, 'kiam-v4')).toEqual({ arn: 'arn:aws:iam::1:role/x' });
  });

  it('puts a base without a trailing slash in front all the same', () => {
    expect(kiamRole('app', 'arn:aws:iam::111122223333:role', 'kiam-v4')).toEqual({
      arn: 'arn:aws:iam::111122223333:roleapp',
    });
  });
});

describe('role text to ARN, by the cases of kiam’s own suite', () => {
  const prefix = 'arn:aws:iam::account-id:role/';
  it.each([
    ['myrole', `${prefix}myrole`],
    ['/myrole', `${prefix}myrole`],
    ['kiam/myrole', `${prefix}kiam/myrole`],
    ['/kiam/myrole', `${prefix}kiam/myrole`],
    ['arn:aws:iam::some-other-account:role/another-role', 'arn:aws:iam::some-other-account:role/another-role'],
  ])('%s', (text, expected) => {
    for (const rules of ['kiam-v3', 'kiam-v4'] as const)
      expect(kiamRole(text, prefix, rules)).toEqual({ arn: expected });
  });

  it('differs in v3 where a slash stands before an ARN', () => {
    expect(kiamRole('/arn:aws:iam::1:role/x', prefix, 'kiam-v3')).toEqual({ arn: 'arn:aws:iam::1:role/x' });
  });
});

describe('what the namespace permits', () => {
  it.each([
    ['.*', `${base}any`, 'allowed', 'allowed'],
    ['', `${base}any`, 'denied', 'denied'],
    ['app', `${base}app`, 'denied', 'allowed'],
    ['.*/app', `${base}app`, 'allowed', 'allowed'],
    ['arn:aws:iam::1.*|app', 'arn:aws:iam::2:role/app', 'allowed', 'allowed'],
    ['arn:aws:iam::1.*|app', 'arn:aws:iam::2:role/app2', 'denied', 'allowed'],
    // kiam's own suite, on role names.
    ['^red.*$|^.red.*$', 'red_role', 'allowed', 'allowed'],
    ['^red.*$|^.red.*$', '/red_role', 'allowed', 'allowed'],
    ['^red.*$|^.red.*$', 'orange_role', 'denied', 'denied'],
    ['^red.*$|^.red.*$', '/orange_role', 'denied', 'denied'],
    ['o', 'red_role', 'denied', 'allowed'],
    ['role', '/red_role', 'denied', 'allowed'],
    ['.*role', '/red_role', 'allowed', 'allowed'],
    // What Go's RE2 knows and JavaScript does not, or reads otherwise.
    ['(?i)ARN:.*APP', `${base}app`, 'allowed', 'allowed'],
    ['[[:alpha:]]+:.*', `${base}app`, 'allowed', 'allowed'],
    ['.*app\\z', `${base}app`, 'allowed', 'allowed'],
    ['.*/\\Qapp\\E', `${base}app`, 'allowed', 'allowed'],
  ])('%s against %s: strict %s, not strict %s', (expression, compared, strict, loose) => {
    expect(verdict(expression, compared, false)).toBe(strict);
    expect(verdict(expression, compared, true)).toBe(loose);
  });

  it('denies where the annotation or the namespace is absent', () => {
    expect(kiamPermits({}, 'x', true)).toMatchObject({ is: 'denied', code: 'RL101' });
    expect(kiamPermits(null, 'x', true)).toMatchObject({ is: 'denied', code: 'RL101' });
  });

  it.each(['(?=app)', '(a)\\1', '(', '(?<=x)y', 'a{2000}'])('calls %s unusable, as Go does', (expression) => {
    expect(kiamPermits(permitted(expression), `${base}app`, false)).toMatchObject({ is: 'denied', code: 'RL104' });
  });

  it('reads a lone star as Go does: an error alone, and a repeated anchor in strict mode', () => {
    expect(kiamPermits(permitted('*'), `${base}app`, true)).toMatchObject({ code: 'RL104' });
    expect(verdict('*', `${base}app`, false)).toBe('allowed');
  });

  it('takes linear time over patterns that make others backtrack', () => {
    expect(verdict('(a+)+b', `${'a'.repeat(20_000)}c`, false)).toBe('denied');
    expect(kiamPermits(permitted('a'.repeat(200_000)), 'x', false)).toMatchObject({ code: 'RL104' });
  });

  it('is strict in v4 unless a flag says otherwise, and never in v3', () => {
    expect(kiamUnanchored(kiam())).toBe(false);
    expect(kiamUnanchored(kiam({ flags: { 'disable-strict-namespace-regexp': 'true' } }))).toBe(true);
    expect(kiamUnanchored(kiam({ flags: { 'disable-strict-namespace-regexp': 'false' } }))).toBe(false);
    expect(kiamUnanchored(kiam({ rules: 'kiam-v3' }))).toBe(true);
  });
});

describe('what kiam would ask STS for', () => {
  it('compares the ARN in v4, and the text as requested in v3', () => {
    expect(kiamResolve(asking('/app'), kiam())).toMatchObject({ role: `${base}app`, compared: `${base}app` });
    expect(kiamResolve(asking('/app'), kiam({ rules: 'kiam-v3' }))).toMatchObject({
      role: `${base}app`,
      compared: '/app',
    });
  });

  it('reads session name and external id in v4 only', () => {
    const view = asking('app', {
      annotations: { 'iam.amazonaws.com/session-name': 'batch job', 'iam.amazonaws.com/external-id': 'x-1' },
    });
    expect(kiamResolve(view, kiam())).toMatchObject({ sessionName: 'kiam-batch-job', externalId: 'x-1' });
    expect(kiamResolve(view, kiam({ rules: 'kiam-v3' }))).toMatchObject({ sessionName: 'kiam-kiam', externalId: null });
  });

  it('names sessions by the server’s flag, and cuts long names', () => {
    expect(kiamSessionName(undefined, kiam({ flags: { session: 'prod' } }))).toBe('kiam-prod');
    expect(kiamSessionName('x'.repeat(80), kiam())).toHaveLength(63);
    expect(kiamSessionName('x'.repeat(59), kiam())).toHaveLength(64);
  });

  it('tells absent from empty', () => {
    expect(kiamResolve(pod(), kiam())).toEqual({ is: 'none' });
    expect(kiamResolve(asking(''), kiam())).toMatchObject({ is: 'error', code: 'RL103' });
  });

  it('does not look for annotations on the prototype', () => {
    expect(kiamPermits(Object.create({ 'iam.amazonaws.com/permitted': '.*' }), 'x', true).is).toBe('denied');
  });
});
