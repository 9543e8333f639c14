import { study } from '../findings/estate.js';
import { sdkVerdict } from '../findings/sdk-versions.js';
import type { Inventory } from '../model/inventory.js';
import type { Plan } from '../model/plan.js';
import { optionsOf } from '../planner/options-schema.js';
import type { MoveProof } from './verify.js';

const oldWays = new Set(['kiam', 'kube2iam', 'node-role']);

/**
 * Moves whose containers still take their credentials from the old way though the new one is there: their SDK is too old to know it. By
 * move, with what to do.
 */
export const fallBacks = (live: Inventory, plan: Plan): ReadonlyMap<string, readonly string[]> => {
  const options = optionsOf(plan);
  const uses = new Map(
    study(live, options.sdkKnown).uses.map((use) => [
      `${use.workload.ref.kind} ${use.workload.ref.namespace ?? ''}/${use.workload.ref.name}`,
      use,
    ]),
  );
  const found = new Map<string, readonly string[]>();
  for (const move of plan.moves) {
    const { to } = move;
    if (to === null || move.blocked || move.skip) continue;
    const texts = move.workloads.flatMap(({ kind, namespace, name }) => {
      const title = `${kind} ${namespace ?? ''}/${name}`;
      const use = uses.get(title);
      if (use === undefined) return [];
      const old = sdkVerdict(use, options, to.mechanism).containers.filter(({ verdict }) => verdict === 'too-old');
      const named = new Set(old.map(({ container }) => container));
      const still = use.template.perContainer.filter(
        ({ container, wins }) => wins !== null && oldWays.has(wins.source.kind) && !named.has(container),
      );
      return [
        ...old.map(
          ({ container, why }) =>
            `${title}, container ${container}, still falls back to the old way: ${why}. Build it with a newer SDK before its old annotation is retired.`,
        ),
        ...still.map(
          ({ container, wins }) =>
            `${title}, container ${container}, still gets its credentials from ${wins?.source.kind ?? 'the old way'}: restart it, or see why the new variables do not reach it.`,
        ),
      ];
    });
    if (texts.length > 0) found.set(move.id, texts);
  }
  return found;
};

/** The proofs with what still falls back: such a move is right in its variables, and not proven. */
export const withFallBacks = (
  proofs: readonly MoveProof[],
  found: ReadonlyMap<string, readonly string[]>,
): readonly MoveProof[] =>
  proofs.map((proof) => {
    const texts = found.get(proof.move);
    if (texts === undefined || proof.state === 'not-moved') return proof;
    return {
      ...proof,
      state: proof.state === 'proven' ? 'not-proven' : proof.state,
      proof: proof.proof === 'used' ? 'configured' : proof.proof,
      reasons: [...proof.reasons, ...texts],
    };
  });
