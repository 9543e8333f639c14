import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonical, digestOf } from '../../src/model/canonical.js';

const whole = (value: unknown) => `sha256:${createHash('sha256').update(canonical(value)).digest('hex')}`;

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
