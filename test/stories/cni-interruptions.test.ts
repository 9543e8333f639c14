import { describe, expect, it } from 'vitest';
import type { Estate } from '../faults/estates.js';
import { type Actor, actorOf, begin, type Direction, forkOf, type Moment, run, textOf } from '../faults/stage.js';
import { estateOf, join, networkFaults, nodeIsReady, podIdentity, withAgent, withoutAddon } from '../helpers/cni.js';

/** Without the workload, which has no part in this: every object less makes every fork faster. */
const bare = (scenario: ReturnType<typeof estateOf>): void => {
  scenario.kubernetes = scenario.kubernetes.filter(
    (object) => (object as { metadata?: { namespace?: string } }).metadata?.namespace === 'kube-system',
  );
};
const estates: readonly Estate[] = [
  { title: 'an add-on, by IRSA', scenario: estateOf('cni', bare), options: {} },
  {
    title: 'an add-on, by Pod Identity',
    scenario: estateOf('cni', (scenario) => {
      bare(scenario);
      withAgent(scenario);
    }),
    options: podIdentity,
  },
  {
    title: 'self-managed, by Pod Identity',
    scenario: estateOf('cni', (scenario) => {
      bare(scenario);
      withoutAddon(scenario);
      withAgent(scenario);
    }),
    options: podIdentity,
  },
];

const profiles = ['net-general-node', 'net-memory-node'];

/** What would happen to nodes that joined right now, in a world of its own. */
const joining = async (moment: Moment): Promise<readonly string[]> => {
  const { sandbox, clock } = forkOf(moment);
  const nodes = profiles.map((profile) => join(sandbox, profile));
  await clock.advance(90_000);
  return nodes.filter((node) => !nodeIsReady(sandbox, node)).map((node) => `${node} joins and does not come up`);
};

interface Point {
  readonly label: string;
  readonly moment: Moment;
}

/** Runs to the end, with the world kept before and after every write and after every line of the journal. */
const calmly = async (actor: Actor, from: Moment, direction: Direction) => {
  const moment = forkOf(from);
  const points: Point[] = [];
  const faults: string[] = [];
  let writes = 0;
  let last = '';
  const keep = (label: string): void => {
    // What happened since the last point is nothing: the same world, the same journal.
    const mark = `${writes} ${moment.store.events.length}`;
    if (mark === last) return;
    last = mark;
    points.push({ label: `${direction}, ${label}`, moment: forkOf(moment) });
    faults.push(...networkFaults(moment.sandbox).map((text) => `${direction}, ${label}: ${text}`));
  };
  const result = await run(actor, moment, direction, {
    watch: {
      write(when, request) {
        if (when === 'after') writes += 1;
        keep(`${when} write ${when === 'after' ? writes : writes + 1} (${new URL(request.url).pathname})`);
      },
      line: () => keep(`after line ${moment.store.events.length}`),
    },
  });
  expect(result.failures).toEqual([]);
  expect(result.exit).toBe(0);
  return { points, faults, end: textOf(moment.sandbox), after: moment };
};

describe('the CNI moved under every interruption', () => {
  it.each(estates.map((estate) => [estate.title, estate] as const))(
    'never leaves a node without addresses, old or new, there and back: %s',
    async (_title, estate) => {
      const { moment, plan } = await begin(estate);
      const actor = actorOf(estate, plan);
      const there = await calmly(actor, moment, 'apply');
      const back = await calmly(actor, there.after, 'rollback');
      expect(withoutMark(back.end)).toBe(withoutMark(textOf(moment.sandbox)));
      const wrong = [...there.faults, ...back.faults];
      for (const [played, direction] of [
        [there, 'apply'],
        [back, 'rollback'],
      ] as const)
        for (const point of played.points) {
          // Only a write changes what a new node would find.
          if (point.label.includes('after write'))
            wrong.push(...(await joining(point.moment)).map((text) => `${point.label}: ${text}`));
          const result = await run(actor, point.moment, direction, {
            watch: {
              write: (when) => {
                if (when === 'after')
                  wrong.push(...networkFaults(point.moment.sandbox).map((text) => `${point.label}, then: ${text}`));
              },
            },
          });
          if (result.exit !== 0) wrong.push(`${point.label}: exit ${result.exit} ${JSON.stringify(result.failures)}`);
          if (withoutMark(textOf(point.moment.sandbox)) !== withoutMark(played.end))
            wrong.push(`${point.label}: another end`);
        }
      expect([...new Set(wrong)]).toEqual([]);
    },
    240_000,
  );
});

/** The time of EKS's own restart of an add-on, and what it leaves on the template, are not ours. */
const withoutMark = (text: string): string =>
  text.replace(/\\*"annotations\\*":\{\\*"kubectl\.kubernetes\.io\/restartedAt\\*":\\*"[^"\\]*\\*"\},?/g, '');
