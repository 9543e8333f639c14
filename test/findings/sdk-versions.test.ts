import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sdkTraps, trapsOf } from '../../src/findings/sdk-traps.js';
import { atLeast, sdkMinimums, sdkNameOf, supports } from '../../src/findings/sdk-versions.js';

describe('SDK versions', () => {
  it.each([
    ['botocore', '1.34.41', true],
    ['botocore', '1.34.40', false],
    ['Python', '1.35.0', true],
    ['js-v2', '2.1550.0', true],
    ['js-v2', '2.999.0', false],
    ['go-v2', 'release-2023-11-14', true],
    ['go-v2', 'release-2023-11-13', false],
    ['go-v2', '1.30.0', null],
    ['java-v2', '2.21.30-SNAPSHOT', true],
    ['dotnet', '3.7.734', true],
    ['dotnet', '3.7.733.9', false],
    ['botocore', 'latest', null],
    ['cobol', '9.9.9', null],
    ['__proto__', '1', null],
  ])('%s %s for Pod Identity: %s', (sdk, version, expected) => {
    expect(supports(sdk, version, 'pod-identity')).toBe(expected);
  });

  it('knows no minimum for IRSA where the guide gives none', () => {
    expect(supports('rust', 'release-2025-01-01', 'irsa')).toBeNull();
    expect(supports('boto3', '1.9.220', 'irsa')).toBe(true);
  });

  it('finds every minimum at least itself', () => {
    for (const [name, { podIdentity }] of Object.entries(sdkMinimums))
      expect([name, atLeast(podIdentity, podIdentity)]).toEqual([name, true]);
    expect(sdkNameOf('aws-sdk-go-v2')).toBe('go-v2');
  });

  it('orders as numbers, not as text', () => {
    const part = fc.nat(2000);
    fc.assert(
      fc.property(fc.tuple(part, part, part), fc.tuple(part, part, part), (left, right) => {
        const order = left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
        expect(atLeast(left.join('.'), right.join('.'))).toBe(order >= 0);
      }),
    );
  });
});

describe('the traps of SDKs that are new enough', () => {
  it('name only SDKs that the table of versions knows, each with a way to check and a source', () => {
    for (const { sdks, check, source } of sdkTraps) {
      expect(sdks.filter((sdk) => !Object.hasOwn(sdkMinimums, sdk))).toEqual([]);
      expect(check).not.toBe('');
      expect(source).not.toBe('');
    }
  });
  it('are all told where the SDK is not known, and only its own where it is', () => {
    expect(trapsOf('pod-identity', null).length).toBeGreaterThan(trapsOf('pod-identity', 'js-v2').length);
    expect(trapsOf('irsa', 'java-v2').join()).toContain('STS module');
    expect(trapsOf('irsa', 'rust')).toEqual([]);
  });
});
