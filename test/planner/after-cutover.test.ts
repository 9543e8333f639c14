import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admit } from '../../src/identity/admit.js';
import { answer, heldRole } from '../../src/identity/answer.js';
import { worldOf } from '../../src/identity/world.js';
import type { Inventory, Role, Workload } from '../../src/model/inventory.js';
import { defaultPlanOptions } from '../../src/model/options.js';
import type { Plan } from '../../src/model/plan.js';
import { parseRoleArn } from '../../src/model/resource.js';
import { plan } from '../../src/planner/plan.js';
import { addStatement } from '../../src/trust/edit.js';
import { estateArbitrary } from '../helpers/estate-arbitrary.js';

/** What an estate has become when a plan's prepare and cutover steps have run, as far as it decides who gets which role. */
const after = (inventory: Inventory, steps: Plan['steps']): Inventory => {
  let world = worldOf(inventory);
  const trusts = new Map(inventory.roles.map((role) => [role.arn, role.trust]));
  const accounts = new Map<string, string>();
  let agent = false;
  for (const step of steps.filter(({ stage }) => stage !== 'retire')) {
    const params = step.params as any;
    switch (step.kind) {
      case 'create-oidc-provider': {
        const arn = `arn:aws:iam::${params.account}:oidc-provider/${params.issuer.slice('https://'.length)}`;
        world = world.withEdits([{ kind: 'add-oidc-provider', arn, audiences: params.audiences }]);
        break;
      }
      case 'add-trust-statement': {
        const edited = addStatement(trusts.get(params.roleArn) ?? '', params.statement, { limit: params.limit });
        if (edited.is === 'changed') trusts.set(params.roleArn, edited.text);
        world = world.withEdits([{ kind: 'set-trust', role: params.roleArn, trust: trusts.get(params.roleArn) ?? '' }]);
        break;
      }
      case 'create-role': {
        const arn = `arn:aws:iam::${params.account}:role${params.path}${params.name}`;
        const role: Role = {
          ...(parseRoleArn(arn) as { name: string; account: string; path: string }),
          arn,
          roleId: 'AROANEW',
          trust: JSON.stringify(params.trust),
          attached: [],
          inline: {},
          maxSessionSeconds: 3_600,
          description: '',
          tags: {},
        };
        trusts.set(arn, role.trust);
        world = world.withEdits([{ kind: 'set-role', role }]);
        break;
      }
      case 'create-service-account':
      case 'annotate-service-account':
        world = world.withEdits([
          {
            kind: 'service-account-annotations',
            namespace: params.namespace,
            name: params.name,
            annotations: params.annotations,
          },
        ]);
        break;
      case 'create-pod-identity-association':
        world = world.withEdits([
          {
            kind: 'set-association',
            association: {
              id: step.id,
              arn: step.id,
              namespace: params.namespace,
              serviceAccount: params.serviceAccount,
              role: params.roleArn,
              sessionTags: !params.disableSessionTags,
              tags: {},
            },
          },
        ]);
        break;
      case 'set-workload-service-account':
        accounts.set(nameOf(params.workload), params.to);
        break;
      case 'install-pod-identity-agent':
        agent = true;
    }
  }
  const made = world.inventory;
  return {
    ...made,
    nodes: made.nodes.map((node) => ({ ...node, agentReady: node.agentReady || agent })),
    workloads: made.workloads.map((workload) => {
      const serviceAccount = accounts.get(nameOf(workload.ref)) ?? workload.template.serviceAccount;
      return { ...workload, template: { ...workload.template, serviceAccount } };
    }),
  };
};
const nameOf = (ref: {
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
}): string => `${ref.kind}/${ref.namespace ?? ''}/${ref.name}`;

const gets = (inventory: Inventory, workload: Workload) => {
  const world = worldOf(inventory);
  const given = answer(workload.ref.kind === 'Pod' ? workload.template : admit(workload.template, world), world);
  return { held: heldRole(given), source: given.wins?.source.kind ?? 'none', sure: given.certainty === 'known' };
};

describe('when a plan has run', () => {
  it('every workload has the role that it had: none has gained one, none has lost one', () => {
    let moved = 0;
    const options = fc.record({
      target: fc.constantFrom('auto' as const, 'irsa' as const, 'pod-identity' as const),
      from: fc.constantFrom<readonly string[]>([], ['kiam', 'kube2iam', 'irsa']),
      include: fc.constantFrom<readonly string[]>([], ['default-role']),
      sdkKnown: fc.constant<readonly string[]>(['*']),
      restart: fc.constantFrom('twice' as const, 'once' as const),
    });
    fc.assert(
      fc.property(estateArbitrary, options, (inventory, chosen) => {
        const made = plan(inventory, { ...defaultPlanOptions, gitops: 'live', ...chosen }, { createdAt: '', tool: '' });
        const later = after(inventory, made.steps);
        const worlds = new Map(later.workloads.map((each) => [nameOf(each.ref), each]));
        const targets = new Map(
          made.moves
            .filter((move) => move.steps.length > 0 && move.to !== null)
            .flatMap((move) => move.workloads.map((ref) => [nameOf(ref), move.to] as const)),
        );
        for (const workload of inventory.workloads) {
          const before = gets(inventory, workload);
          const now = gets(later, worlds.get(nameOf(workload.ref)) as Workload);
          const target = targets.get(nameOf(workload.ref));
          if (workload.ref.kind === 'Pod' && target) continue;
          // Where it was not sure what a workload gets, it may become so, but not by what the plan does.
          if (before.sure) expect([workload.ref.name, now.held]).toEqual([workload.ref.name, before.held]);
          if (!target) expect(now).toEqual(before);
          else {
            moved++;
            expect([now.held, now.source]).toEqual([
              target.role,
              target.mechanism === 'irsa' ? 'web-identity' : 'container-credentials',
            ]);
          }
        }
      }),
      { numRuns: 150 },
    );
    expect(moved).toBeGreaterThan(25);
  }, 120_000);
});
