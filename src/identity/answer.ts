import { byText } from '../model/canonical.js';
import type { ClusterNode, ContainerView, PodView } from '../model/inventory.js';
import { parseRoleArn, type RefKey, refKey, serviceAccountRef } from '../model/resource.js';
import type { Broker } from '../model/words.js';
import { issuerHost } from '../trust/statement.js';
import { allOutcomes, inOrder, type Link, type Outcome, type SdkFamily } from './chain.js';
import { webIdentity } from './irsa.js';
import { type Metadata, metadataFor } from './metadata.js';
import { containerCredentials } from './pod-identity.js';
import { sharedFile } from './shared-file.js';
import { staticKeys } from './static-keys.js';
import type { ContainerAnswer, Offer, Place, PodIdentityAnswer } from './types.js';
import { roleKey, type World } from './world.js';

interface ContainerVerdict {
  readonly container: ContainerView;
  readonly wins: Offer | null;
  readonly certainty: PodIdentityAnswer['certainty'];
  readonly next: readonly Offer[];
  readonly refused: readonly Offer[];
  readonly reason: string;
  readonly code: string | null;
}

/**
 * Which role does this pod get, why, and what would it get next? The pod is taken as it is, with the variables that it has:
 * for a template, ask about `admit(template)`. Without a place every node where it may run is looked at.
 */
export const answer = (view: PodView, world: World, place: Place = { node: null }): PodIdentityAnswer => {
  const node = place.node === null ? null : world.node(place.node);
  const nodes = node ? [node] : world.nodeKindsFor(view);
  const metadata = metadataFor(view, world, node);
  const verdicts = view.containers.map((container) => verdictOf(view, container, world, nodes, metadata));
  const speaking = verdicts.filter((one) => one.container.kind === 'normal');
  const perContainer: readonly ContainerAnswer[] = verdicts.map((one) => ({
    container: one.container.name,
    role: roleOf(one),
    wins: one.wins,
  }));
  const chosen = speaksFor(speaking.length > 0 ? speaking : verdicts);
  const readFrom = keysOf(view, world, verdicts, metadata);
  if (chosen === null) {
    return {
      certainty: metadata.certain ? 'known' : 'unknown',
      role: metadata.offer?.role ?? null,
      wins: metadata.offer,
      next: metadata.next,
      refused: metadata.refused,
      perContainer,
      reason: metadata.reason,
      code: metadata.code,
      readFrom,
    };
  }
  if (chosen === 'differ') {
    const roles = [...new Set(speaking.map(roleOf).filter((role) => role !== null))].sort(byText);
    return {
      certainty: 'unknown',
      role: null,
      wins: null,
      next: speaking.flatMap((one) => (one.wins ? [one.wins] : [])),
      refused: speaking.flatMap((one) => one.refused),
      perContainer,
      reason: `its containers get different roles: ${roles.join(', ')}`,
      code: speaking.find((one) => one.code !== null)?.code ?? null,
      readFrom,
    };
  }
  return {
    certainty: chosen.certainty,
    role: roleOf(chosen),
    wins: chosen.wins,
    next: chosen.next,
    refused: chosen.refused,
    perContainer,
    reason: chosen.reason,
    code: chosen.code,
    readFrom,
  };
};

const roleOf = (one: ContainerVerdict): string | null => one.wins?.role ?? null;

/** The container whose answer is the pod's: any, where all that get a role get the same one. */
const speaksFor = (verdicts: readonly ContainerVerdict[]): ContainerVerdict | 'differ' | null => {
  const first = verdicts[0];
  if (!first) return null;
  const withRole = verdicts.filter((one) => roleOf(one) !== null);
  if (new Set(withRole.map(roleOf)).size > 1) return 'differ';
  const unsure = verdicts.find((one) => one.certainty !== 'known');
  return withRole.find((one) => one.certainty !== 'known') ?? withRole[0] ?? unsure ?? first;
};

const verdictOf = (
  view: PodView,
  container: ContainerView,
  world: World,
  nodes: readonly ClusterNode[],
  metadata: Metadata,
): ContainerVerdict => {
  const keys = staticKeys(container);
  const offers = new Map<Link, Offer>();
  const put = (link: Link, offer: Offer | null): void => {
    if (offer) offers.set(link, offer);
  };
  put('static-keys', keys.certain);
  put('web-identity', webIdentity(view, container, world));
  put('shared-file', sharedFile(view, container, world));
  put('container-credentials', containerCredentials(view, container, world, nodes));
  put('metadata', metadata.offer);
  const sdk = world.sdkOf(view, container.name);
  const family = sdk?.family ?? null;
  // What an SDK is too old to know it does not even ask.
  for (const link of sdk?.blindTo ?? []) offers.delete(link);
  // One source that answers is the same to every SDK: no need to ask each of a thousand pods' dozen chains.
  const single = offers.size <= 1 && [...offers.values()].every((offer) => offer.assumable !== 'no');
  const outcomes = allOutcomes(family ?? (single ? 'botocore' : null), offers);
  const worst = worstOf(outcomes);
  const reachesMetadata = worst.wins === metadata.offer && worst.failed === null;
  const refused = [
    ...keys.possible,
    ...[...offers.values()].filter((offer) => offer.assumable === 'no'),
    ...metadata.refused,
  ];
  const order = inOrder(family, offers);
  const next = [...order.filter((offer) => offer !== worst.wins && offer.assumable !== 'no'), ...metadata.next];
  const split = new Set(outcomes.map(gist)).size > 1;
  const uncertain = reachesMetadata ? !metadata.certain : worst.wins?.assumable === 'unknown';
  return {
    container,
    wins: worst.wins,
    certainty: uncertain ? 'unknown' : split ? 'depends-on-sdk' : 'known',
    next,
    refused,
    reason: split
      ? `it depends on the SDK: ${described(outcomes)}`
      : reachesMetadata
        ? metadata.reason
        : (worst.wins?.why ?? worst.failed?.why ?? metadata.reason),
    code: reachesMetadata ? metadata.code : (worst.wins?.code ?? worst.failed?.code ?? null),
  };
};

const gist = (one: Outcome): string => JSON.stringify([one.wins?.source.kind ?? null, one.wins?.role ?? null]);

/** Of several ends the worst for the pod: nothing before a role, then the usual order's. */
const worstOf = (outcomes: readonly Outcome[]): Outcome =>
  outcomes.find((one) => one.wins === null) ?? (outcomes[0] as Outcome);

const described = (outcomes: readonly Outcome[]): string => {
  const groups = new Map<string, SdkFamily[]>();
  for (const one of outcomes) {
    const text = one.wins ? (one.wins.role ?? `credentials from ${one.wins.source.kind}`) : 'nothing';
    groups.set(text, [...(groups.get(text) ?? []), one.family]);
  }
  return [...groups].map(([text, names]) => `${[...new Set(names)].join(', ')}: ${text}`).join('; ');
};

const keysOf = (
  view: PodView,
  world: World,
  verdicts: readonly ContainerVerdict[],
  metadata: Metadata,
): readonly RefKey[] => {
  const { accountId, region, oidcIssuers } = world.inventory.cluster;
  const name = `${view.namespace}/${view.serviceAccount}`;
  const keys = new Set<RefKey>([
    refKey(serviceAccountRef(view.namespace, view.serviceAccount)),
    // Also where there is none: the webhook asks for it before all else.
    refKey({ api: 'eks', kind: 'PodIdentityAssociation', account: accountId, region, name }),
    ...metadata.readFrom,
  ]);
  for (const verdict of verdicts)
    for (const offer of [verdict.wins, ...verdict.next, ...verdict.refused]) {
      if (!offer?.role) continue;
      keys.add(roleKey(offer.role));
      const account = parseRoleArn(offer.role)?.account;
      if (offer.source.kind !== 'web-identity' || account === undefined) continue;
      for (const issuer of oidcIssuers)
        keys.add(refKey({ api: 'iam', kind: 'OIDCProvider', account, name: issuerHost(issuer) }));
    }
  return [...keys].sort(byText);
};

/** The role that counts as held today (H7): only what is known, and whose credentials would really come. */
export const heldRole = (given: PodIdentityAnswer): string | null =>
  given.certainty === 'known' && given.wins?.assumable === 'yes' ? given.role : null;

/** The broker of an answer, in the words of plans. */
export const brokerOf = (given: PodIdentityAnswer): Broker => {
  const source = given.wins?.source ?? given.refused.find((one) => one.code !== 'RL109')?.source;
  if (!source) return 'none';
  switch (source.kind) {
    case 'web-identity':
      return 'irsa';
    case 'container-credentials':
      return 'pod-identity';
    default:
      return source.kind;
  }
};
