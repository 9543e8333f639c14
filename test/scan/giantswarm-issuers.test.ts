import { describe, expect, it } from 'vitest';
import { expectedIssuer, type GiantSwarmPlace, isGiantSwarmIssuer } from '../../src/scan/giantswarm-issuers.js';

const place: GiantSwarmPlace = {
  release: '17.4.0',
  cluster: 'abcl0',
  account: '111122223333',
  region: 'eu-west-1',
  partition: 'aws',
  server: 'https://api.abcl0.k8s.gauss.example.net:443',
  domain: null,
};
const china = { partition: 'aws-cn', region: 'cn-north-1' };
const bucket = 'https://s3.eu-west-1.amazonaws.com/111122223333-g8s-abcl0-oidc-pod-identity';
const alias = 'https://irsa.abcl0.k8s.gauss.example.net';

describe('issuers of Giant Swarm by release', () => {
  it.each<readonly [string, Partial<GiantSwarmPlace>, string | null]>([
    ['v17', {}, bucket],
    ['v17 in China', china, `${bucket.replace('eu-west-1.amazonaws.com', 'cn-north-1.amazonaws.com.cn')}`],
    ['v18 before its domain is known', { release: '18.0.0' }, null],
    ['v18', { release: '18.0.0', domain: 'd111.cloudfront.net' }, 'https://d111.cloudfront.net'],
    [
      'v18 in China',
      { release: '18.2.0', ...china },
      `${bucket.replace('eu-west-1.amazonaws.com', 'cn-north-1.amazonaws.com.cn')}-v2`,
    ],
    ['v19', { release: '19.1.0' }, alias],
    [
      'v19 whose management cluster names the alias',
      { release: '19.1.0', domain: 'irsa.other.example.net' },
      'https://irsa.other.example.net',
    ],
    ['v19 in China, which nobody tells of', { release: '19.1.0', ...china }, null],
    ['a later release', { release: 'v25.0.1' }, alias],
    ['a release that is not known', { release: null }, null],
    ['an API server under another name', { release: '20.0.0', server: 'https://10.0.0.1' }, null],
    ['an account that is not known', { account: '' }, null],
  ])('%s', (_name, over, issuer) => {
    expect(expectedIssuer({ ...place, ...over })).toBe(issuer);
    if (issuer !== null) expect(isGiantSwarmIssuer(issuer)).toBe(true);
  });

  it.each([
    'https://api.abcl0.k8s.gauss.example.net',
    'https://kubernetes.default.svc',
    'https://s3.eu-west-1.amazonaws.com/other',
  ])('knows that %s is none of them', (issuer) => expect(isGiantSwarmIssuer(issuer)).toBe(false));
});
