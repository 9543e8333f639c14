import { describe, expect, it } from 'vitest';
import { kiamPart, permits, resolveRole } from '../../../src/sandbox/brokers/kiam.js';
import { admitted, completed, fnv, kube2iamPart } from '../../../src/sandbox/brokers/kube2iam.js';
import { flagsOf } from '../../../src/sandbox/brokers/pod.js';

const prefix = 'arn:aws:iam::111122223333:role/';

describe("kiam's names", () => {
  it.each([
    ['app', `${prefix}app`],
    ['/app', `${prefix}app`],
    ['team/app', `${prefix}team/app`],
    ['/team/app', `${prefix}team/app`],
    ['//app', `${prefix}/app`],
    ['arn:aws:iam::999988887777:role/x', 'arn:aws:iam::999988887777:role/x'],
    ['ARN:aws:x', `${prefix}ARN:aws:x`],
  ])('resolve %s in version 4', (text, arn) => {
    expect(resolveRole(text, prefix, false)?.arn).toBe(arn);
  });
  it('are refused when empty', () => {
    expect(resolveRole('', prefix, false)).toBeNull();
  });
  it('are judged as they stand in version 3', () => {
    expect(resolveRole('/app', prefix, true)).toEqual({ arn: `${prefix}app`, judged: '/app' });
  });
});

describe("kiam's patterns", () => {
  it.each([
    ['.*', 'x', true, true],
    ['', 'x', false, false],
    ['app', `${prefix}app`, false, true],
    ['.*/app', `${prefix}app`, true, true],
    ['arn:aws:iam::1.*|app', 'arn:aws:iam::2:role/app', true, true],
    ['arn:aws:iam::1.*|app', 'arn:aws:iam::2:role/app2', false, true],
    ['(?=x)', 'x', false, false],
    ['[', 'x', false, false],
  ])('%s on %s', (pattern, judged, strict, loose) => {
    expect(permits(pattern, judged, true)).toBe(strict);
    expect(permits(pattern, judged, false)).toBe(loose);
  });
});

describe("kube2iam's rules", () => {
  const rules = { base: 'arn:aws:iam::1:role/', defaultRole: '', restricted: true, format: 'glob' };
  it('keep a leading slash and take arn: in any case', () => {
    expect(completed('/app', rules.base)).toBe('arn:aws:iam::1:role//app');
    expect(completed('ARN:aws:x', rules.base)).toBe('ARN:aws:x');
  });
  it.each([
    ['app', 'app', true, true],
    ['app', 'app2', false, true],
    ['team-*', 'team-x', true, true],
    ['^app$', 'app', false, false],
    ['arn:*', 'app', true, true],
    ['arn:aws:iam::1:role/a.*', 'abc', false, true],
    ['a?p', 'app', false, true],
  ])('list %s admits %s', (pattern, role, glob, regexp) => {
    const arn = `arn:aws:iam::1:role/${role}`;
    expect(admitted(JSON.stringify([pattern]), arn, rules)).toBe(glob);
    expect(admitted(JSON.stringify([pattern]), arn, { ...rules, format: 'regexp' })).toBe(regexp);
  });
  it('deny without a list and with a broken one', () => {
    expect(admitted(undefined, 'x', rules)).toBe(false);
    expect(admitted('app', 'x', rules)).toBe(false);
  });
  it('name sessions by FNV-32a', () => {
    expect(fnv('')).toBe('811c9dc5');
    expect(fnv('a')).toBe('e40c292c');
  });
});

describe('a broker', () => {
  it('is known by image or flags, whatever its name', () => {
    expect(kiamPart({ image: 'quay.io/uswitch/kiam:v3.6', args: ['server'] })).toBe('server');
    expect(kiamPart({ image: 'registry.local/x:1', args: ['agent', '--host-interface=cali+'] })).toBe('agent');
    expect(kiamPart({ image: 'nginx', args: ['server'] })).toBeNull();
    expect(kube2iamPart({ image: 'jtblin/kube2iam:0.10' })).toBe('all');
    expect(kube2iamPart({ image: 'nginx' })).toBeNull();
  });
  it('has its flags read in both forms', () => {
    expect({ ...flagsOf(['server', '--a=b=c', '--d', 'e', '--f', '--g', '1'], new Set(['f'])) }).toEqual({
      a: 'b=c',
      d: 'e',
      f: 'true',
      g: '1',
    });
  });
});
