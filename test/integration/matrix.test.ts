import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registry } from '../../src/steps/registry.js';
import { Away } from './away.js';
import { Cells } from './cells.js';
import { Estate } from './estate.js';
import { irsaGround, newRolesGround, podIdentityGround } from './grounds.js';
import { testbed } from './real.js';
import { Torment } from './torment.js';
import type { Direction } from './under-way.js';

/** Kinds that ask nobody for anything in these plans, and why: they have no cells. */
const silent: Readonly<Record<Direction, Readonly<Record<string, string>>>> = {
  apply: { gate: 'a person accepted what is unproven; what the run looks at to say so is no look of the step' },
  rollback: { gate: 'there is nothing to undo' },
};
/** Kinds that look and write nothing: they have the cells of reads. */
const looks: Readonly<Record<Direction, Readonly<Record<string, string>>>> = {
  apply: { 'prove-identity': 'a proof looks at pods' },
  rollback: { 'prove-identity': 'its undo replaces pods that still carry the new identity, and none does' },
};
/** Kinds that these servers have nothing for; the sandbox has. */
const elsewhere: Readonly<Record<string, string>> = {
  'annotate-aws-cluster': 'it writes to the management cluster of Giant Swarm',
  'create-policy': 'it is made for the CNI of an IPv6 cluster',
  'delete-role-policy': 'it takes the CNI off a node role, which takes a CNI and new nodes',
  'detach-role-policy': 'it takes the CNI off a node role, which takes a CNI and new nodes',
  'update-addon': 'it moves the CNI, of which there is none',
  'wait-for-handoff': 'it is for what Argo CD, Flux or Helm own, none of which is there',
};

const cells = new Cells();

describe.skipIf(!testbed)('every step kind under every fault, there and back, on real servers', () => {
  let estate: Estate;
  let far: Away;
  const torments: Torment[] = [];
  beforeAll(async () => {
    estate = await Estate.begin();
    far = new Away(estate);
  });
  afterAll(async () => {
    for (const torment of torments) await torment.close();
    await far?.end();
    await estate?.end();
  });

  it('ends where the calm run ends, with every identity, foreign change and line of the journal kept', {
    timeout: 1_800_000,
  }, async () => {
    const kiam = await estate.kiam();
    const grounds = [
      await irsaGround(estate, kiam, 'x', 3),
      await irsaGround(estate, kiam, 'y', 3),
      await newRolesGround(estate, kiam, 'q', 3),
      await podIdentityGround(estate, far, kiam, 'z', 3),
    ];
    await estate.ready();
    torments.push(...grounds.map((ground) => new Torment(ground, cells)));
    const calm = await Promise.all(torments.map(async (torment) => ({ torment, ended: await torment.begin() })));

    for (const { strays } of torments) expect(strays).toEqual([]);
    for (const direction of ['apply', 'rollback'] as const) {
      const asked = torments.flatMap((torment) => [...torment.asked[direction]]);
      for (const [kind, { as, service }] of asked) cells.expect(kind, direction, as, service);
      const writes = new Set(asked.filter(([, { as }]) => as === 'write').map(([kind]) => kind));
      const reads = new Set(asked.map(([kind]) => kind).filter((kind) => !writes.has(kind)));
      expect([...reads].sort(), direction).toEqual(Object.keys(looks[direction]));
      const others = [...registry.keys()].filter((kind) => !writes.has(kind) && !reads.has(kind));
      expect(others, direction).toEqual([...Object.keys(silent[direction]), ...Object.keys(elsewhere)].sort());
    }

    await Promise.all(calm.map(({ torment, ended }) => torment.go(ended, 4)));
    expect(cells.totals.missing).toEqual([]);
  });
});

afterAll(() => {
  const { survived, cells: all } = cells.totals;
  process.stdout.write(`\nfaults survived on real servers: ${survived}/${all}\n`);
});
