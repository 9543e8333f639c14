import type { PodView } from '../model/inventory.js';
import type { Mechanism } from '../model/words.js';
import type { Link, SdkFamily } from './chain.js';

/** What is known of the SDK in a container, by people and by images; nothing is guessed from dates or base images. */

export interface SdkMinimum {
  readonly irsa: string | null;
  readonly podIdentity: string;
}

/**
 * Oldest versions of each SDK (EKS User Guide, "Use a supported AWS SDK" of IRSA and of Pod Identity). Null: the guide gives none.
 */
export const sdkMinimums: Readonly<Record<string, SdkMinimum>> = {
  'java-v2': { irsa: '2.10.11', podIdentity: '2.21.30' },
  'java-v1': { irsa: '1.11.704', podIdentity: '1.12.746' },
  'go-v1': { irsa: '1.23.13', podIdentity: '1.47.11' },
  'go-v2': { irsa: null, podIdentity: 'release-2023-11-14' },
  boto3: { irsa: '1.9.220', podIdentity: '1.34.41' },
  botocore: { irsa: '1.12.200', podIdentity: '1.34.41' },
  'cli-v1': { irsa: '1.16.232', podIdentity: '1.30.0' },
  'cli-v2': { irsa: null, podIdentity: '2.15.0' },
  'js-v2': { irsa: '2.525.0', podIdentity: '2.1550.0' },
  'js-v3': { irsa: '3.27.0', podIdentity: '3.458.0' },
  kotlin: { irsa: null, podIdentity: '1.0.1' },
  ruby: { irsa: '3.58.0', podIdentity: '3.188.0' },
  rust: { irsa: null, podIdentity: 'release-2024-03-13' },
  cpp: { irsa: '1.7.174', podIdentity: '1.11.263' },
  dotnet: { irsa: '3.3.659.1', podIdentity: '3.7.734.0' },
  powershell: { irsa: null, podIdentity: '4.1.502' },
  php: { irsa: '3.110.7', podIdentity: '3.287.1' },
};

/** Other spellings of an SDK's name that people write. */
const spellings: Readonly<Record<string, string>> = {
  python: 'botocore',
  'aws-cli': 'cli-v2',
  awscli: 'cli-v2',
  'aws-sdk-js-v3': 'js-v3',
  'aws-sdk-go-v2': 'go-v2',
  'aws-sdk-go': 'go-v1',
  'aws-sdk-java-v2': 'java-v2',
  'aws-sdk-php': 'php',
  'aws-sdk-ruby': 'ruby',
  'aws-sdk-rust': 'rust',
  'aws-sdk-net': 'dotnet',
};

export const sdkNameOf = (text: string): string | null => {
  const name = text.trim().toLowerCase();
  const known = Object.hasOwn(spellings, name) ? (spellings[name] as string) : name;
  return Object.hasOwn(sdkMinimums, known) ? known : null;
};

const numbers = (version: string): readonly number[] | null => {
  const match = /^(?:v|release-)?(\d{1,9}(?:[.-]\d{1,9}){0,4})(?:[+~-].*)?$/.exec(version.trim());
  return match === null ? null : (match[1] as string).split(/[.-]/).map(Number);
};

/** Whether a version is at least another; null where either is no version that can be compared. */
export const atLeast = (version: string, minimum: string): boolean | null => {
  if (minimum.startsWith('release-') !== version.startsWith('release-')) return null;
  const [left, right] = [numbers(version), numbers(minimum)];
  if (left === null || right === null) return null;
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
};

/** Whether an SDK of that version takes credentials by the mechanism; null where it is not known. */
export const supports = (sdk: string, version: string, mechanism: Mechanism): boolean | null => {
  const name = sdkNameOf(sdk);
  if (name === null) return null;
  const minimum = sdkMinimums[name] as SdkMinimum;
  const needed = mechanism === 'irsa' ? minimum.irsa : minimum.podIdentity;
  return needed === null ? null : atLeast(version, needed);
};

/** Official images whose tag is the version of what they hold. */
const taggedImages: readonly (readonly [RegExp, string])[] = [[/(?:^|\/)(?:amazon\/|aws-cli\/)?aws-cli$/, 'cli-v2']];

const imageParts = (image: string): { readonly name: string; readonly tag: string } => {
  const plain = image.split('@', 1)[0] as string;
  const colon = plain.lastIndexOf(':');
  return colon > plain.lastIndexOf('/')
    ? { name: plain.slice(0, colon), tag: plain.slice(colon + 1) }
    : { name: plain, tag: '' };
};

const sdkOfImage = (image: string): { readonly sdk: string; readonly version: string } | null => {
  const { name, tag } = imageParts(image);
  const known = taggedImages.find(([pattern]) => pattern.test(name));
  return known === undefined || numbers(tag) === null ? null : { sdk: known[1], version: tag };
};

/** Template labels and annotations that tell the SDK, as `rolelift.dev/sdk: botocore/1.34.50` or `rolelift.dev/sdk.CONTAINER`. */
const sdkLabel = 'rolelift.dev/sdk';

export const parseSdk = (text: string): { readonly sdk: string; readonly version: string } | null => {
  const match = /^([A-Za-z0-9.-]{1,40})[/@_]([\w.+~-]{1,60})$/.exec(text.trim());
  return match === null ? null : { sdk: match[1] as string, version: match[2] as string };
};

export interface StatedSdk {
  readonly sdk: string;
  readonly version: string;
  /** Who says so: the label or annotation, or the image. */
  readonly by: string;
}

/** What a pod says of the SDK in one of its containers: its annotations, its labels, or an image whose tag is the version. */
export const statedSdk = (view: PodView, container: string): StatedSdk | null => {
  for (const [key, texts] of [
    [`${sdkLabel}.${container}`, view.annotations],
    [`${sdkLabel}.${container}`, view.labels],
    [sdkLabel, view.annotations],
    [sdkLabel, view.labels],
  ] as const) {
    const text = Object.hasOwn(texts, key) ? texts[key] : undefined;
    const parsed = text === undefined ? null : parseSdk(text);
    if (parsed !== null) return { ...parsed, by: key };
  }
  const image = view.containers.find(({ name }) => name === container)?.image ?? '';
  const found = sdkOfImage(image);
  return found === null ? null : { ...found, by: `image ${image}` };
};

/** What the identity model can do with an SDK: the order in which it looks, and the sources that it is too old to know. */
export interface SdkFact {
  readonly family: SdkFamily;
  readonly blindTo: readonly Link[];
}

const familyOf: Readonly<Record<string, SdkFamily>> = {
  'java-v2': 'java-v2',
  'java-v1': 'java-v1',
  'go-v1': 'go',
  'go-v2': 'go',
  boto3: 'botocore',
  botocore: 'botocore',
  'cli-v1': 'botocore',
  'cli-v2': 'botocore',
  'js-v2': 'js-v2',
  'js-v3': 'js-v3',
  ruby: 'ruby',
  rust: 'rust',
  cpp: 'cpp',
  php: 'php',
};

/**
 * The chain of an SDK of that version. Null where its order was not read in any source (Kotlin, PowerShell). An SDK older than
 * a mechanism passes it by, and ends at the metadata service.
 */
export const sdkFact = (stated: { readonly sdk: string; readonly version: string } | null): SdkFact | null => {
  const name = stated === null ? null : sdkNameOf(stated.sdk);
  if (stated === null || name === null) return null;
  const family =
    name === 'dotnet'
      ? atLeast(stated.version, '4') === true
        ? 'dotnet-v4'
        : 'dotnet-v3'
      : Object.hasOwn(familyOf, name)
        ? (familyOf[name] as SdkFamily)
        : null;
  if (family === null) return null;
  const blindTo: Link[] = [];
  if (supports(name, stated.version, 'irsa') === false) blindTo.push('web-identity');
  if (supports(name, stated.version, 'pod-identity') === false) blindTo.push('container-credentials');
  return { family, blindTo };
};
