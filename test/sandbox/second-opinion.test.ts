import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createClients } from '../../src/clients/clients.js';
import { admit } from '../../src/identity/admit.js';
import { answer, heldRole } from '../../src/identity/answer.js';
import type { Offer } from '../../src/identity/types.js';
import { worldOf } from '../../src/identity/world.js';
import type { Inventory, PodView, Workload } from '../../src/model/inventory.js';
import { plan } from '../../src/planner/plan.js';
import { VirtualClock } from '../../src/sandbox/clock.js';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { twinOf } from '../../src/sandbox/twin.js';
import { scan } from '../../src/scan/collect.js';
import { estateArbitrary, optionsArbitrary } from '../helpers/estate-arbitrary.js';
import {
  aBroker,
  anInventory,
  aRole,
  aServiceAccount,
  asking,
  aWorkload,
  nodeRoleArn,
  policyText,
  roleArn,
  trustOf,
  trustsAws,
} from '../helpers/inventory.js';

/**
 * Two opinions on who gets which role: the sandbox's, by its own rules and its own reading of what runs, and the identity model's, on
 * what a scan of that sandbox found (H23). They share no code, so where both are sure they may not differ.
 */

const rates = { 'iam-read': 1e6, 'eks-read': 1e6, 'ec2-read': 1e6, 'kubernetes-read': 1e6, 'sts-read': 1e6 };
const scanned = async (sandbox: Sandbox): Promise<Inventory> => {
  const server = 'http://sandbox.invalid';
  const handle = (request: Parameters<Sandbox['handle']>[0], signal: AbortSignal) => sandbox.handle(request, signal);
  const clients = await createClients({
    region: 'eu-west-1',
    maxRates: rates,
    inProcess: { server, kubernetes: handle, aws: handle },
  });
  return scan(clients, { context: 'sandbox', server, region: 'eu-west-1' });
};
const played = async (inventory: Inventory): Promise<Sandbox> => {
  const clock = new VirtualClock();
  const sandbox = createSandbox({ scenario: twinOf(inventory), clock });
  await clock.advance(60_000);
  return sandbox;
};

/** The sandbox plays the credential chain of botocore and Go. */
const botocore = () => ({ family: 'botocore' as const, blindTo: [] });

interface Opinion {
  readonly pod: string;
  readonly sure: boolean;
  readonly model: string;
  readonly sandbox: string;
}

const nameOf = (ref: {
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
}): string => `${ref.kind}/${ref.namespace ?? ''}/${ref.name}`;
const sourceOf = (offer: Offer | null): string => (offer === null ? 'none' : offer.source.kind);

const opinions = (sandbox: Sandbox, inventory: Inventory): readonly Opinion[] => {
  const world = worldOf(inventory, { sdkOf: botocore });
  return inventory.workloads.flatMap((workload) =>
    workload.pods.flatMap((pod) => {
      const seen = sandbox.identityOf(pod.ref.namespace ?? '', pod.ref.name);
      if (seen === null) return [];
      const said = answer(pod.view, world, { node: pod.node ?? null });
      return said.perContainer.map((each, index): Opinion => {
        const other = seen.containers[index];
        return {
          pod: `${pod.ref.namespace}/${pod.ref.name}/${each.container}: ${said.reason}; ${other?.error ?? ''}`,
          sure: said.certainty === 'known',
          model: `${each.role ?? 'no role'}${each.role === null ? '' : ` by ${sourceOf(each.wins)}`}`,
          sandbox: `${other?.role ?? 'no role'}${other?.role == null ? '' : ` by ${other.source}`}`,
        };
      });
    }),
  );
};

/** Roles of a workload's pods, as the sandbox sees them. */
const rolesOf = (sandbox: Sandbox, workload: Workload): readonly (string | null)[] =>
  workload.pods.flatMap((pod) => sandbox.identityOf(pod.ref.namespace ?? '', pod.ref.name)?.role ?? null);

/** What a webhook has put into a pod, or would; but for the region, which a scan of EKS cannot see and takes to be injected. */
const injectedInto = (view: PodView) => ({
  variables: view.containers
    .map(({ name, identityEnv }) => [name, ...Object.entries(identityEnv).filter(([key]) => !key.endsWith('_REGION'))])
    .filter((each) => each.length > 1),
  mounts: view.containers.flatMap(({ mounts }) => mounts.map(({ volume, path }) => `${volume} ${path}`)),
  tokens: view.volumes.flatMap(({ name, tokens }) => tokens.map((token) => [name, token])),
  marked: view.labels['eks.amazonaws.com/pod-identity'] ?? null,
});

describe('the identity model and the sandbox', () => {
  it('agree on every pod of which the model is sure, and on what each move starts from', async () => {
    const told = { all: 0, sure: 0, brokered: 0, moved: 0, injected: 0 };
    await fc.assert(
      fc.asyncProperty(estateArbitrary, optionsArbitrary, async (seed, options) => {
        const sandbox = await played(seed);
        const inventory = await scanned(sandbox);
        for (const each of opinions(sandbox, inventory)) {
          told.all++;
          if (!each.sure) continue;
          told.sure++;
          if (/ by k/.test(each.model)) told.brokered++;
          expect({ ...each, sandbox: each.model }).toEqual(each);
        }
        for (const workload of inventory.workloads)
          for (const pod of workload.ref.kind === 'Pod' ? [] : workload.pods) {
            const wanted = injectedInto(admit(workload.template, worldOf(inventory)));
            if (wanted.variables.length > 0) told.injected++;
            expect([workload.ref.name, injectedInto(pod.view)]).toEqual([workload.ref.name, wanted]);
          }
        const made = plan(inventory, options, { createdAt: '2026-11-21T10:00:00Z', tool: 'rolelift test' });
        const workloads = new Map(inventory.workloads.map((each) => [nameOf(each.ref), each]));
        for (const move of made.moves) {
          if (move.steps.length === 0 || move.to === null) continue;
          if (options.roleMode === 'reuse') expect(move.to.role).toBe(move.from.role);
          for (const ref of move.workloads) {
            const roles = rolesOf(sandbox, workloads.get(nameOf(ref)) as Workload);
            if (roles.length > 0) told.moved++;
            expect([move.id, ...new Set(roles)]).toEqual([move.id, ...(roles.length === 0 ? [] : [move.from.role])]);
          }
        }
        sandbox.stop();
      }),
      { numRuns: 40, seed: 20_261_121 },
    );
    expect(told.sure / told.all).toBeGreaterThan(0.75);
    expect(told.brokered).toBeGreaterThan(15);
    expect(told.moved).toBeGreaterThan(8);
    expect(told.injected).toBeGreaterThan(15);
  }, 120_000);

  it('agree that a kiam server without a base ARN serves nobody', async () => {
    const app = asking(roleArn('app'));
    const sandbox = await played(
      anInventory({
        brokers: [aBroker({ baseArn: null, flags: {} })],
        roles: [...anInventory().roles, aRole('app')],
        serviceAccounts: [aServiceAccount('payments', 'api')],
        workloads: [aWorkload('api', { template: app })],
      }),
    );
    const inventory = await scanned(sandbox);
    const use = inventory.workloads.find((each) => each.ref.name === 'api') as Workload;
    expect(rolesOf(sandbox, use)).toEqual([null, null]);
    expect(answer(use.template, worldOf(inventory))).toMatchObject({ certainty: 'unknown', code: 'RL102', role: null });
    sandbox.stop();
  });

  it('agree that a kiam server needs its own role first', async () => {
    const plain = anInventory();
    const serving = async (trust: string) => {
      const sandbox = await played(
        anInventory({
          roles: [
            ...plain.roles.filter((role) => role.name !== 'kiam-server'),
            aRole('kiam-server', {
              trust,
              inline: { assume: policyText({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }) },
            }),
            aRole('app'),
          ],
          serviceAccounts: [aServiceAccount('payments', 'api')],
          workloads: [aWorkload('api', { template: asking('app') })],
        }),
      );
      const inventory = await scanned(sandbox);
      const use = inventory.workloads.find((each) => each.ref.name === 'api') as Workload;
      const said = answer(use.template, worldOf(inventory));
      sandbox.stop();
      return [rolesOf(sandbox, use)[0], heldRole(said), said.code];
    };
    expect(await serving(trustOf(trustsAws(nodeRoleArn)))).toEqual([roleArn('app'), roleArn('app'), null]);
    expect(await serving(trustOf(trustsAws(roleArn('app'))))).toEqual([null, null, 'RL110']);
  });
});
