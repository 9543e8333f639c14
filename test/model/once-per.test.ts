import { describe, expect, it } from 'vitest';
import { oncePer } from '../../src/model/once-per.js';

describe('a lookup that is made once for each object', () => {
  it('is made for each object apart, and once, whatever it gives', () => {
    const asked: object[] = [];
    const first = oncePer((of: { readonly names: readonly string[] }) => {
      asked.push(of);
      return of.names[0];
    });
    const [one, same, none] = [{ names: ['a'] }, { names: ['a'] }, { names: [] }];
    expect([first(one), first(one), first(same), first(none), first(none)]).toEqual([
      'a',
      'a',
      'a',
      undefined,
      undefined,
    ]);
    expect(asked).toEqual([one, same, none]);
  });
});
