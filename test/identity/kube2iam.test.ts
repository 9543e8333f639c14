import { describe, expect, it } from 'vitest';
import { kube2iamDefault, kube2iamPermits, kube2iamResolve, kube2iamRole } from '../../src/identity/kube2iam.js';
import { arn, asking, kube2iam, pod } from './estate.js';

const base = 'arn:aws:iam::123456789012:role/';
const install = (flags: Record<string, string> = {}) => kube2iam({ baseArn: base, flags });

describe('role text to ARN, as kube2iam reads it', () => {
  it.each([
    ['app', `${base}app`],
    ['/app', `${base}/app`],
    ['team/app', `${base}team/app`],
    ['arn:aws:iam::999999999999:role/x', 'arn:aws:iam::999999999999:role/x'],
    ['ARN:aws:iam::999999999999:role/x', 'ARN:aws:iam::999999999999:role/x'],
    ['Arn:x', 'Arn:x'],
  ])('%s', (text, expected) => {
    expect(kube2iamRole(text, base)).toBe(expected);
  });
});

describe('the role of a pod, by the cases of kube2iam’s own suite', () => {
  const own = { 'iam-role-key': 'roleKey' };
  const fallback = { ...own, 'default-role': 'explicit-default-role' };
  it.each([
    ['no default, no annotation', own, {}, null],
    ['no default, annotation', own, { roleKey: 'explicit-role' }, `${base}explicit-role`],
    ['default, no annotation', fallback, {}, `${base}explicit-default-role`],
    ['default, annotation', fallback, { roleKey: 'something' }, `${base}something`],
    [
      'default, full ARN',
      fallback,
      { roleKey: 'arn:aws:iam::999999999999:role/explicit-arn' },
      'arn:aws:iam::999999999999:role/explicit-arn',
    ],
    ['default, another annotation', fallback, { nonMatchingAnnotation: 'something' }, `${base}explicit-default-role`],
  ])('%s', (_, flags, annotations, expected) => {
    const resolved = kube2iamResolve(pod({ annotations }), install(flags), null);
    expect(resolved.is === 'role' ? resolved.role : null).toBe(expected);
  });

  it('tells an empty annotation from none', () => {
    expect(kube2iamResolve(asking(''), install({ 'default-role': 'd' }), null)).toMatchObject({
      is: 'error',
      code: 'RL103',
    });
    expect(kube2iamResolve(pod(), install(), null)).toEqual({ is: 'none' });
  });

  it('takes the node role where the default is discovered', () => {
    const flags = { 'auto-discover-default-role': 'true' };
    expect(kube2iamDefault(install(flags))).toBe('unknown');
    expect(kube2iamResolve(pod(), install(flags), arn('node'))).toMatchObject({
      role: arn('node'),
      from: 'default-role',
    });
    expect(kube2iamResolve(pod(), install(flags), null)).toMatchObject({ is: 'error', code: 'RL102' });
  });

  it('reads the external id under its key', () => {
    const view = asking('app', { annotations: { ext: 'x-1' } });
    expect(kube2iamResolve(view, install({ 'iam-external-id': 'ext' }), null)).toMatchObject({ externalId: 'x-1' });
    expect(kube2iamResolve(view, install(), null)).toMatchObject({ externalId: null });
  });
});

describe('what the namespace allows, by the cases of kube2iam’s own suite', () => {
  const restricted = (format: string) =>
    install({
      'namespace-restrictions': 'true',
      'namespace-restriction-format': format,
      'namespace-key': 'namespaceKey',
    });
  const test = (format: string, roleName: string, annotation: string | undefined, fallback: string | null = null) =>
    kube2iamPermits(
      annotation === undefined ? {} : { namespaceKey: annotation },
      `${base}${roleName}`,
      restricted(format),
      fallback,
    ).is;

  it('allows everything where restrictions are off', () => {
    expect(kube2iamPermits({}, `${base}explicit-role`, install(), null).is).toBe('allowed');
    expect(kube2iamPermits(null, `${base}explicit-role`, install({ 'namespace-restrictions': 'false' }), null).is).toBe(
      'allowed',
    );
  });

  it.each(['glob', 'regexp', 'REGEXP'])('always allows the default role (%s)', (format) => {
    expect(test(format, 'default-role', undefined, `${base}default-role`)).toBe('allowed');
  });

  it.each([
    ['glob', 'explicit-role', '["explicit-role"]', 'allowed'],
    ['glob', 'path/explicit-role', '["path/*"]', 'allowed'],
    ['glob', 'explicit-role', `["${base}explicit-role"]`, 'allowed'],
    ['glob', 'path/explicit-role', `["${base}path/*-role"]`, 'allowed'],
    ['glob', 'test-role', `["${base}explicit-role"]`, 'denied'],
    ['glob', 'explicit-role', '', 'denied'],
    ['glob', 'test-role', '["explicit-role", "explicit-role2"]', 'denied'],
    ['glob', 'explicit-role', '["explicit-role2", "explicit-role"]', 'allowed'],
    ['glob', 'glob-role', '["explicit-role", "glob-*"]', 'allowed'],
    ['glob', 'app', '["app"]', 'allowed'],
    ['glob', 'app2', '["app"]', 'denied'],
    ['glob', 'team-x', '["team-*"]', 'allowed'],
    ['glob', 'app', '["^app$"]', 'denied'],
    ['glob', 'any', '["arn:*"]', 'allowed'],
    ['glob', 'abc', `["${base}a.*"]`, 'denied'],
    ['glob', 'apx', '["ap?"]', 'denied'],
    ['regexp', 'explicit-role', '["explicit-role"]', 'allowed'],
    ['regexp', 'path/explicit-role', '["path/.*"]', 'allowed'],
    ['regexp', 'path/explicit-role', `["${base}path/.*-role"]`, 'allowed'],
    ['regexp', 'test-role', `["${base}explicit-role"]`, 'denied'],
    ['regexp', 'explicit-role', '', 'denied'],
    ['regexp', 'test-role', '["explicit-role", "explicit-role2"]', 'denied'],
    ['regexp', 'glob-role', '["explicit-role", "glob-.*"]', 'allowed'],
    ['regexp', 'app', '["app"]', 'allowed'],
    ['regexp', 'app2', '["app"]', 'allowed'],
    ['regexp', 'team-x', '["team-*"]', 'allowed'],
    ['regexp', 'app', '["^app$"]', 'denied'],
    ['regexp', 'any', '["arn:*"]', 'allowed'],
    ['regexp', 'abc', `["${base}a.*"]`, 'allowed'],
  ])('%s: %s with %s is %s', (format, roleName, annotation, expected) => {
    expect(test(format, roleName, annotation)).toBe(expected);
  });

  it('says which annotation is unusable', () => {
    const of = (format: string, annotation: string) =>
      kube2iamPermits({ namespaceKey: annotation }, `${base}app`, restricted(format), null);
    expect(of('glob', 'something maleformed here')).toMatchObject({ is: 'denied', code: 'RL104' });
    expect(of('glob', '{"a":1}')).toMatchObject({ code: 'RL104' });
    // Go keeps what it could decode, and an empty text for the rest: under regexp that is the base ARN, which all roles hold.
    expect(of('glob', '["app", 1]')).toMatchObject({ is: 'allowed' });
    expect(of('glob', '["other", 1]')).toMatchObject({ is: 'denied', code: 'RL104' });
    expect(of('regexp', '["other", 1]')).toMatchObject({ is: 'allowed' });
    expect(of('regexp', '[1, "other"')).toMatchObject({ is: 'denied', code: 'RL104' });
    expect(of('regexp', '["("]')).toMatchObject({ code: 'RL104' });
    expect(of('regexp', '["(", "app"]')).toMatchObject({ is: 'allowed' });
    expect(of('glob', '[]')).toMatchObject({ code: 'RL101' });
  });
});
