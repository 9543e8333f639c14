import nock from 'nock';
import { afterEach, beforeEach, expect } from 'vitest';
import { VirtualTime } from './virtual-time.js';

/** Wire tests: no request that nobody expected, no expectation that nobody used. */
export const guardTheWire = (): void => {
  const strays: string[] = [];
  const stray = (request: { method?: string; path?: string; options?: { method?: string; path?: string } }): void => {
    strays.push(`${request.method ?? request.options?.method ?? ''} ${request.path ?? request.options?.path ?? ''}`);
  };
  beforeEach(() => {
    strays.length = 0;
    nock.disableNetConnect();
    nock.emitter.on('no match', stray);
  });
  afterEach(() => {
    const pending = nock.pendingMocks();
    nock.cleanAll();
    nock.emitter.off('no match', stray);
    expect(strays, 'requests that nobody expected').toEqual([]);
    expect(pending, 'expectations that nobody used').toEqual([]);
  });
};

export { VirtualTime };
