import type { Offer } from './types.js';

/** SDK families whose default credential chain was read in their source or reference. */
export type SdkFamily =
  | 'botocore'
  | 'go'
  | 'java-v2'
  | 'java-v1'
  | 'js-v3'
  | 'js-v2'
  | 'dotnet-v3'
  | 'dotnet-v4'
  | 'ruby'
  | 'php'
  | 'rust'
  | 'cpp';

/** The places where a chain looks. */
export type Link = 'static-keys' | 'web-identity' | 'shared-file' | 'container-credentials' | 'metadata';

const usual: readonly Link[] = ['static-keys', 'web-identity', 'shared-file', 'container-credentials', 'metadata'];
const fileFirst: readonly Link[] = ['static-keys', 'shared-file', 'web-identity', 'container-credentials', 'metadata'];

/** Order in which each family looks, reduced to what a pod can hold (each read in the SDK's source or reference). */
export const chains: Readonly<Record<SdkFamily, readonly Link[]>> = {
  botocore: usual,
  go: usual,
  'java-v2': usual,
  'java-v1': usual,
  'js-v3': fileFirst,
  'js-v2': ['static-keys', 'shared-file', 'container-credentials', 'web-identity', 'metadata'],
  'dotnet-v3': ['web-identity', 'shared-file', 'static-keys', 'container-credentials', 'metadata'],
  'dotnet-v4': usual,
  ruby: usual,
  php: usual,
  rust: fileFirst,
  cpp: fileFirst,
};

export const families = Object.keys(chains) as readonly SdkFamily[];

/** What a family does when the source that it chose fails (H8). Where no source tells, both are possible. */
export const onFailure = (family: SdkFamily): 'stops' | 'goes-on' | 'unknown' =>
  family === 'go' || family === 'botocore' ? 'stops' : family === 'java-v2' ? 'goes-on' : 'unknown';

export type Offers = ReadonlyMap<Link, Offer>;

/** One way in which a chain may end: the offer that was taken, or nothing. */
export interface Outcome {
  readonly family: SdkFamily;
  readonly wins: Offer | null;
  /** The source that failed and ended the search, where nothing won. */
  readonly failed: Offer | null;
}

/** How a family's chain ends over these offers; two outcomes where it is not known what it does on failure. */
export const outcomesOf = (family: SdkFamily, offers: Offers): readonly Outcome[] => {
  const ends: Outcome[] = [];
  for (const link of chains[family]) {
    const offer = offers.get(link);
    if (!offer) continue;
    if (offer.assumable !== 'no') return [...ends, { family, wins: offer, failed: null }];
    const then = onFailure(family);
    // The metadata service is the last link: there is nothing to go on to.
    if (then !== 'goes-on') ends.push({ family, wins: null, failed: offer });
    if (then === 'stops') return ends;
  }
  return ends.length > 0 ? ends : [{ family, wins: null, failed: null }];
};

/** All ways in which a container may end up: of its family where that is known, else of every family. */
export const allOutcomes = (family: SdkFamily | null, offers: Offers): readonly Outcome[] =>
  (family === null ? families : [family]).flatMap((one) => outcomesOf(one, offers));

/** Offers in the order of a family (the usual one where it is not known). */
export const inOrder = (family: SdkFamily | null, offers: Offers): readonly Offer[] =>
  (family === null ? usual : chains[family]).flatMap((link) => {
    const offer = offers.get(link);
    return offer ? [offer] : [];
  });
