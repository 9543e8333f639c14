import { describe, expect, it } from 'vitest';
import { RoleliftError } from '../../src/model/error.js';
import type { KubernetesReader, ListOptions } from '../../src/model/ports.js';
import { createGaps } from '../../src/scan/gaps.js';
import { liveSource } from '../../src/scan/source.js';

const forbidden = (where: string): RoleliftError =>
  new RoleliftError({ code: 'RL703', message: `not allowed to list ${where}`, remedy: '', fault: 'remote' });

/** A cluster that lets only these namespaces be read, one by one. */
const gapsWhereReadable = async (readable: readonly string[]): Promise<readonly string[]> => {
  const gaps = createGaps();
  const kubernetes = {
    // biome-ignore lint/correctness/useYield: a refused list gives nothing
    async *list(_apiVersion: string, _kind: string, options: ListOptions = {}) {
      if (options.namespace === undefined || !readable.includes(options.namespace))
        throw forbidden(options.namespace ?? 'all');
    },
  } as unknown as KubernetesReader;
  const source = liveSource(kubernetes, gaps, { namespaces: () => ({ names: ['a', 'b', 'c'], complete: true }) });
  for await (const _ of source.list('v1', 'Pod')) expect.unreachable();
  return gaps.list().map(({ area, reason }) => `${area} ${reason}`);
};

describe('lists that are refused', () => {
  it('leave a gap for each namespace that is refused where others are read', async () => {
    expect(await gapsWhereReadable(['a'])).toEqual([
      'kubernetes:pods:b RL703 not allowed to list b',
      'kubernetes:pods:c RL703 not allowed to list c',
    ]);
  });
  it('leave one gap where they are refused everywhere', async () => {
    expect(await gapsWhereReadable([])).toEqual(['kubernetes:pods RL703 not allowed to list all']);
  });
  it('leave none where every namespace is read', async () => {
    expect(await gapsWhereReadable(['a', 'b', 'c'])).toEqual([]);
  });
});
