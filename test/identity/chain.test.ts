import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  allOutcomes,
  chains,
  families,
  inOrder,
  type Link,
  onFailure,
  outcomesOf,
  type SdkFamily,
} from '../../src/identity/chain.js';
import type { Offer } from '../../src/identity/types.js';

const offer = (link: Link, assumable: Offer['assumable'] = 'yes'): Offer => ({
  source: { kind: 'node-role', node: link },
  role: link,
  assumable,
  why: '',
  code: null,
});
const having = (...links: Link[]) => new Map(links.map((link) => [link, offer(link)]));
const winner = (family: SdkFamily, ...links: Link[]) =>
  outcomesOf(family, having(...links)).map((one) => one.wins?.role ?? null);

describe('the order in which SDKs look', () => {
  it.each([
    ['static keys and web identity', ['static-keys', 'web-identity'], 'static-keys', { 'dotnet-v3': 'web-identity' }],
    [
      'web identity and container credentials',
      ['web-identity', 'container-credentials'],
      'web-identity',
      { 'js-v2': 'container-credentials' },
    ],
    ['web identity and the metadata service', ['web-identity', 'metadata'], 'web-identity', {}],
    [
      'container credentials and the metadata service',
      ['container-credentials', 'metadata'],
      'container-credentials',
      {},
    ],
    ['a shared file and container credentials', ['shared-file', 'container-credentials'], 'shared-file', {}],
    [
      'a shared file and web identity',
      ['shared-file', 'web-identity'],
      'web-identity',
      { 'js-v3': 'shared-file', 'js-v2': 'shared-file', rust: 'shared-file', cpp: 'shared-file' },
    ],
    ['a shared file and static keys', ['shared-file', 'static-keys'], 'static-keys', { 'dotnet-v3': 'shared-file' }],
  ] as const)('%s', (_, links, usual, exceptions) => {
    for (const family of families)
      expect([family, winner(family, ...links)]).toEqual([
        family,
        [(exceptions as Record<string, Link>)[family] ?? usual],
      ]);
  });

  it('ends with the metadata service everywhere', () => {
    for (const family of families) expect(chains[family].at(-1)).toBe('metadata');
  });
});

describe('what an SDK does when its source fails', () => {
  const failing = new Map<Link, Offer>([
    ['web-identity', offer('web-identity', 'no')],
    ['metadata', offer('metadata')],
  ]);
  it('stops in Go and botocore, goes on in Java v2, and is not known elsewhere', () => {
    const ends = (family: SdkFamily) => outcomesOf(family, failing).map((one) => one.wins?.role ?? null);
    expect(ends('go')).toEqual([null]);
    expect(ends('botocore')).toEqual([null]);
    expect(ends('java-v2')).toEqual(['metadata']);
    expect(ends('ruby')).toEqual([null, 'metadata']);
    expect(onFailure('js-v3')).toBe('unknown');
  });

  it('names the source that failed', () => {
    expect(outcomesOf('go', failing)[0]?.failed?.role).toBe('web-identity');
  });

  it('looks at every family where none is known', () => {
    expect(new Set(allOutcomes(null, failing).map((one) => one.family))).toEqual(new Set(families));
    expect(allOutcomes('go', failing)).toHaveLength(1);
  });

  it('has nothing where nothing is offered', () => {
    expect(winner('go')).toEqual([null]);
    expect(inOrder(null, new Map())).toEqual([]);
  });

  it('never takes what was not offered, nor what fails', () => {
    const links = fc.uniqueArray(fc.constantFrom(...chains.go));
    const states = fc.dictionary(
      fc.constantFrom(...chains.go),
      fc.constantFrom('yes' as const, 'no' as const, 'unknown' as const),
    );
    fc.assert(
      fc.property(fc.constantFrom(...families), links, states, (family, present, state) => {
        const offers = new Map(present.map((link) => [link, offer(link, state[link] ?? 'yes')]));
        for (const outcome of outcomesOf(family, offers)) {
          if (outcome.wins === null) continue;
          expect(offers.get(outcome.wins.role as Link)).toBe(outcome.wins);
          expect(outcome.wins.assumable).not.toBe('no');
        }
      }),
    );
  });
});
