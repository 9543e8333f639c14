import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonical, digestOf } from '../../src/model/canonical.js';

const whole = (value: unknown) => `sha256:${createHash('sha256').update(canonical(value)).digest('hex')}`;

const reference = canonicalize as unknown as (value: unknown) => string;

describe('the canonical text of a value', () => {
  it("is that of RFC 8785's reference library, byte for byte", () => {
    const keys = fc.constantFrom(
      '10',
      '9',
      '0',
      '01',
      '1a',
      '111122223333',
      'b',
      'a',
      'é',
      '\u{1f600}',
      'toJSON',
      '__proto__',
    );
    const { value: any } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.jsonValue(),
        fc.array(tie('value')),
        fc.array(fc.tuple(keys, tie('value'))).map((entries) => Object.fromEntries(entries)),
      ),
    }));
    fc.assert(
      fc.property(any, (value) => {
        expect(canonical(value)).toBe(reference(value));
      }),
      { numRuns: 200 },
    );
  });

  it('is of the value as it was: nothing is written into it', () => {
    const value = Object.freeze({ b: Object.freeze([Object.freeze({ d: 1, c: 2 })]), a: Object.freeze({}) });
    expect(canonical(value)).toBe('{"a":{},"b":[{"c":2,"d":1}]}');
    expect(Object.keys(value)).toEqual(['b', 'a']);
  });

  it('is refused where a number is none', () => {
    for (const value of [Number.NaN, [Number.POSITIVE_INFINITY], { b: 1, a: { c: Number.NaN } }])
      expect(() => canonical(value)).toThrow(/not allowed/);
  });
});

describe('the digest of a value', () => {
  it('is that of its canonical text, though it is never held in one piece', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        expect(digestOf(value)).toBe(whole(value));
      }),
    );
    const large = Array.from({ length: 20_000 }, (_, index) => ({
      b: [index, '\u2028é\ud83d\ude00"\\'],
      a: { z: -0, y: 1e21 },
    }));
    expect(digestOf(large)).toBe(whole(large));
  });

  it('leaves out what JSON leaves out', () => {
    for (const value of [
      { a: undefined, b: [undefined, null] },
      {},
      [],
      [[]],
      { x: {} },
      null,
      'text',
      1.5,
      { d: new Date(0) },
    ])
      expect(digestOf(value)).toBe(whole(value));
    expect(digestOf({ a: 1, b: undefined })).toBe(digestOf({ a: 1 }));
  });
});
