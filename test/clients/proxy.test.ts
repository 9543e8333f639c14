import { describe, expect, it } from 'vitest';
import { proxyFor } from '../../src/clients/proxy.js';

const env = { HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: '.internal, 10.0.0.1:6443,*.corp,exact.test' };

describe('the proxy of the environment', () => {
  it.each([
    ['https://api.example.com', 'http://proxy:3128'],
    ['https://a.b.internal', undefined],
    ['https://10.0.0.1:6443', undefined],
    ['https://10.0.0.1', 'http://proxy:3128'],
    ['https://x.corp', undefined],
    ['https://exact.test', undefined],
    ['https://notexact.test', 'http://proxy:3128'],
    ['http://api.example.com', undefined],
  ])('%s', (url, proxy) => {
    expect(proxyFor(url, env)).toBe(proxy);
  });
  it('is none under NO_PROXY=*', () => {
    expect(proxyFor('https://a', { HTTPS_PROXY: 'http://p', NO_PROXY: '*' })).toBeUndefined();
  });
});
