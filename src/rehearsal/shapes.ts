import type { Component } from './components.js';

/** Names, uids, hashes, ARNs' parts: whatever may tell one component from another. */
const token = /[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*/g;

/**
 * Groups components that differ in names alone: same steps in the same order, same workloads, accounts and roles, when every word that only
 * one component uses is put as its number. Neither engine nor steps nor servers look into a name, so alike components behave alike.
 * Answers for each component the number of its shape.
 */
export const shapesOf = (components: readonly Component[]): readonly number[] => {
  const texts = components.map(textOf);
  const users = new Map<string, number>();
  for (const [number, text] of texts.entries())
    for (const word of new Set(text.match(token) ?? [])) users.set(word, users.has(word) ? -1 : number);
  const shapes = new Map<string, number>();
  return texts.map((text) => {
    const own = new Map<string, string>();
    const shape = text.replace(token, (word) => {
      if (users.get(word) === -1) return word;
      const known = own.get(word) ?? `#${own.size}`;
      own.set(word, known);
      return known;
    });
    const found = shapes.get(shape) ?? shapes.size;
    shapes.set(shape, found);
    return found;
  });
};

/** What makes a component: its part of plan and estate, without the pods of today and what all have in common. */
const textOf = ({ plan, moves, inventory }: Component): string => {
  const namespaces = new Set(
    moves.flatMap((move) => [move.subject.namespace, ...move.workloads.map(({ namespace }) => namespace ?? '')]),
  );
  const here = <T extends { readonly ref: { readonly namespace?: string | undefined } }>(
    items: readonly T[],
  ): readonly T[] => items.filter(({ ref }) => namespaces.has(ref.namespace ?? ''));
  return JSON.stringify([
    moves.map(({ findings: _findings, why: _why, ...move }) => move),
    plan.steps,
    inventory.namespaces.filter(({ name }) => namespaces.has(name)),
    here(inventory.workloads).map(({ pods, ...workload }) => ({
      ...workload,
      pods: workload.ref.kind === 'Pod' || workload.custom ? pods : pods.length,
    })),
    here(inventory.serviceAccounts),
    here(inventory.bindings),
    inventory.associations.filter(({ namespace }) => namespaces.has(namespace)),
    here(inventory.objects),
    inventory.roles,
    inventory.policies,
  ]);
};
