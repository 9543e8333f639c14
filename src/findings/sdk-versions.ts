import { parseSdk, type SdkFact, sdkFact, sdkMinimums, sdkNameOf, statedSdk, supports } from '../identity/sdk.js';
import type { ContainerView, PodView, Workload } from '../model/inventory.js';
import type { PlanOptions } from '../model/options.js';
import type { Mechanism } from '../model/words.js';
import type { WorkloadUse } from './rule.js';
import { matchesGlob } from './subjects.js';

export { atLeast, sdkMinimums, sdkNameOf, supports } from '../identity/sdk.js';

export interface ContainerSdk {
  readonly container: string;
  /** Null where it is not known. */
  readonly sdk: string | null;
  readonly verdict: 'supported' | 'too-old' | 'unknown';
  readonly why: string;
}

export interface SdkVerdict {
  /** `supported` only where every container's SDK is known to be new enough. */
  readonly verdict: 'supported' | 'too-old' | 'unknown';
  readonly containers: readonly ContainerSdk[];
}

/** What a person vouched for: `namespace/workload=botocore/1.34.50` (globs on the left), `namespace/workload`, or `*`. */
const vouchedFor = (
  workload: Workload,
  sdkKnown: readonly string[],
): { readonly text: string; readonly sdk: string | null } | null => {
  const { namespace, name } = workload.ref;
  for (const text of sdkKnown) {
    const equals = text.indexOf('=');
    const subject = equals < 0 ? text : text.slice(0, equals);
    if (subject === '*' || matchesGlob(subject, `${namespace ?? ''}/${name}`))
      return { text, sdk: equals < 0 ? null : text.slice(equals + 1) };
  }
  return null;
};

const judge = (
  container: string,
  found: { readonly sdk: string; readonly version: string },
  mechanism: Mechanism,
  by: string,
): ContainerSdk => {
  const answer = supports(found.sdk, found.version, mechanism);
  const said = `${found.sdk} ${found.version} (${by})`;
  const sdk = sdkNameOf(found.sdk);
  if (answer === null) return { container, sdk, verdict: 'unknown', why: `${said} is not in the table of versions` };
  return answer
    ? { container, sdk, verdict: 'supported', why: said }
    : {
        container,
        sdk,
        verdict: 'too-old',
        why: `${said} is older than ${mechanism === 'irsa' ? sdkMinimums[sdkNameOf(found.sdk) as string]?.irsa : sdkMinimums[sdkNameOf(found.sdk) as string]?.podIdentity}`,
      };
};

const containerSdk = (
  use: WorkloadUse,
  container: ContainerView,
  options: PlanOptions,
  mechanism: Mechanism,
): ContainerSdk => {
  const vouched = vouchedFor(use.workload, options.sdkKnown);
  if (vouched !== null) {
    if (vouched.sdk === null)
      return { container: container.name, sdk: null, verdict: 'supported', why: `--sdk-known ${vouched.text}` };
    const parsed = parseSdk(vouched.sdk);
    return parsed === null
      ? {
          container: container.name,
          sdk: null,
          verdict: 'unknown',
          why: `--sdk-known ${vouched.text} is not SDK/VERSION`,
        }
      : judge(container.name, parsed, mechanism, `--sdk-known ${vouched.text}`);
  }
  const stated = statedSdk(use.workload.template, container.name);
  return stated === null
    ? { container: container.name, sdk: null, verdict: 'unknown', why: `the image ${container.image} does not tell` }
    : judge(container.name, stated, mechanism, stated.by);
};

/**
 * What the identity model is told of a workload's SDKs: what a person vouched for with `--sdk-known` first, then what the pod
 * says itself.
 */
export const sdkFactsOf =
  (workload: Workload, sdkKnown: readonly string[]) =>
  (view: PodView, container: string): SdkFact | null => {
    const vouched = vouchedFor(workload, sdkKnown)?.sdk ?? null;
    return sdkFact(vouched === null ? statedSdk(view, container) : parseSdk(vouched));
  };

/**
 * Whether every container of a workload is known to hold an SDK that is new enough (H9): by `--sdk-known`, by a label or
 * annotation of the template, or by an image whose tag is the version. Nothing is guessed from dates or base images.
 */
export const sdkVerdict = (
  use: WorkloadUse,
  options: PlanOptions,
  mechanism: Mechanism = 'pod-identity',
): SdkVerdict => {
  const containers = use.workload.template.containers
    .filter(({ kind }) => kind === 'normal' || use.workload.template.containers.length === 1)
    .map((container) => containerSdk(use, container, options, mechanism));
  const verdict = containers.some((each) => each.verdict === 'too-old')
    ? 'too-old'
    : containers.length > 0 && containers.every((each) => each.verdict === 'supported')
      ? 'supported'
      : 'unknown';
  return { verdict, containers };
};
