import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pointerKeys, pointerTo } from '../../src/model/json-pointer.js';

it('JSON pointers are written and read as RFC 6901 says', () => {
  expect(pointerTo('metadata', 'annotations', 'a.io/b~c')).toBe('/metadata/annotations/a.io~1b~0c');
  expect(pointerKeys('/a~01/')).toEqual(['a~1', '']);
  expect(pointerKeys('')).toEqual([]);
  fc.assert(
    fc.property(fc.array(fc.string()), (keys) => {
      expect(pointerKeys(pointerTo(...keys))).toEqual(keys);
    }),
  );
});
