import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/model/json.js';
import { type Plan, type Step, sealPlan } from '../../src/model/plan.js';
import { identityModel } from '../../src/rehearsal/model.js';
import { engine } from '../../src/rehearsal/play.js';
import { type RehearseOptions, rehearse } from '../../src/rehearsal/rehearse.js';
import type { Rehearsal } from '../../src/rehearsal/verdict.js';
import { loadScenario } from '../../src/sandbox/scenario.js';
import { registry } from '../../src/steps/registry.js';
import type { StepKind } from '../../src/steps/step.js';
import { planned } from './estates.js';
import { accountObject, kiamTrust, manyMoves, workload } from './many-moves.js';

type Estate = Awaited<ReturnType<typeof planned>>;

/** The plan with its steps altered, in an order that its dependencies allow, sealed anew: a planner that is wrong, without its source. */
const altered = (plan: Plan, alter: (step: Step, all: readonly Step[]) => Step | null): Plan => {
  const all = plan.steps as readonly Step[];
  const steps = all.flatMap((step) => alter(step, all) ?? []);
  const ids = new Set(steps.map(({ id }) => id));
  const sorted: Step[] = [];
  const placed = new Set<string>();
  for (let left = steps; left.length > 0; ) {
    const next = left.filter((step) => step.dependsOn.every((id) => !ids.has(id) || placed.has(id)));
    if (next.length === 0) throw new Error('the mutant runs in a circle');
    for (const step of next) {
      sorted.push(step);
      placed.add(step.id);
    }
    left = left.filter(({ id }) => !placed.has(id));
  }
  const { digest: _digest, id: _id, ...rest } = plan;
  return sealPlan({
    ...rest,
    moves: plan.moves.map((move) => ({ ...move, steps: move.steps.filter((id) => ids.has(id)) })),
    steps: sorted.map((step) => ({
      ...step,
      dependsOn: step.dependsOn.filter((id) => ids.has(id)),
      undoDependsOn: step.undoDependsOn.filter((id) => ids.has(id)),
    })) as Plan['steps'],
  });
};
const of = (all: readonly Step[], kind: string, move: string | null): readonly string[] =>
  all.filter((step) => step.kind === kind && step.move === move).map(({ id }) => id);
const kindsWith = (kind: string, change: Partial<StepKind>) =>
  new Map([...registry].map(([name, each]) => [name, name === kind ? ({ ...each, ...change } as StepKind) : each]));

const told = (verdict: Rehearsal): string => verdict.failures.map(({ message }) => message).join('\n');
const play = (estate: Estate, change: Partial<RehearseOptions> = {}): Promise<Rehearsal> =>
  rehearse({ ...estate, tool: 'test', quick: true, ...change });
const playMutant = (estate: Estate, alter: (step: Step, all: readonly Step[]) => Step | null) =>
  play({ ...estate, plan: altered(estate.plan, alter) });

describe('a plan for kiam that is wrong', () => {
  let estate: Estate;
  beforeAll(async () => {
    estate = await planned(await manyMoves(1));
  });

  it('is told from one that is right', async () => {
    const verdict = await play(estate);
    expect(told(verdict)).toBe('');
    expect(verdict.passed).toBe(true);
    expect(verdict.interruptionPoints).toBeGreaterThan(10);
  });

  it('is caught: trust after the annotation', async () => {
    const verdict = await playMutant(estate, (step, all) => {
      if (step.kind === 'annotate-service-account')
        return { ...step, dependsOn: step.dependsOn.filter((id) => !id.startsWith('add-trust-statement')) };
      if (step.kind === 'add-trust-statement')
        return { ...step, stage: 'cutover', dependsOn: of(all, 'annotate-service-account', step.move) };
      return step;
    });
    expect(told(verdict)).toMatch(/a pod that is created at this moment, container main, gets no role/);
  });

  it('is caught: the annotation in the prepare stage', async () => {
    const verdict = await playMutant(estate, (step) =>
      step.kind === 'annotate-service-account' ? { ...step, stage: 'prepare' } : step,
    );
    expect(told(verdict)).toMatch(/nothing that runs may change in prepare/);
  });

  it("is caught: kiam's annotation removed first", async () => {
    const verdict = await playMutant(estate, (step, all) => {
      if (step.kind === 'remove-pod-annotation') return { ...step, stage: 'cutover', dependsOn: [] };
      if (step.kind === 'annotate-service-account')
        return { ...step, dependsOn: [...step.dependsOn, ...of(all, 'remove-pod-annotation', step.move)] };
      return step;
    });
    expect(verdict.passed).toBe(false);
    expect(told(verdict)).toMatch(/remove-pod-annotation|would not get the role|RL8/);
  });

  it('is caught: undo in reversed time', async () => {
    const verdict = await playMutant(estate, (step, all) => ({
      ...step,
      undoDependsOn: all.filter(({ dependsOn }) => dependsOn.includes(step.id)).map(({ id }) => id),
    }));
    expect(verdict.passed).toBe(false);
    expect(told(verdict)).toMatch(/rollback/);
  });

  it('is caught: the restart undone before the annotation', async () => {
    const verdict = await playMutant(estate, (step, all) => {
      if (step.kind === 'restart-workload') return { ...step, undoDependsOn: [] };
      if (step.kind === 'prove-identity') return { ...step, undoDependsOn: [] };
      if (step.kind === 'annotate-service-account')
        return {
          ...step,
          undoDependsOn: [...of(all, 'restart-workload', step.move), ...of(all, 'prove-identity', step.move)],
        };
      return step;
    });
    expect(verdict.passed).toBe(false);
  });

  it('is caught: trust undone first', async () => {
    const verdict = await playMutant(estate, (step, all) => {
      if (step.kind === 'add-trust-statement') return { ...step, undoDependsOn: [] };
      if (step.move !== null)
        return { ...step, undoDependsOn: [...step.undoDependsOn, ...of(all, 'add-trust-statement', step.move)] };
      return step;
    });
    expect(told(verdict)).toMatch(/gets no role .*it may have/);
  });

  it('is caught: trust for another service account', async () => {
    const verdict = await playMutant(estate, (step) =>
      step.kind === 'add-trust-statement'
        ? {
            ...step,
            params: JSON.parse(
              JSON.stringify(step.params).replaceAll(':team-000:app', ':team-000:default'),
            ) as JsonObject,
          }
        : step,
    );
    expect(told(verdict)).toMatch(/gets no role/);
  });

  it('is caught: an annotation that names another role', async () => {
    const verdict = await playMutant(estate, (step) =>
      step.kind === 'annotate-service-account'
        ? {
            ...step,
            params: JSON.parse(
              JSON.stringify(step.params).replaceAll('role/team-000-app', 'role/kiam-server'),
            ) as JsonObject,
          }
        : step,
    );
    expect(verdict.passed).toBe(false);
  });
});

describe('a split that is wrong', () => {
  it('is caught: without RBAC', async () => {
    const rbac = 'rbac.authorization.k8s.io';
    const objects: JsonObject[] = [
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'split', annotations: { 'iam.amazonaws.com/permitted': '.*' } },
      },
      accountObject('split', 'app'),
      workload('Deployment', 'split', 'reader', 'app', 'split-reader'),
      workload('Deployment', 'split', 'writer', 'app', 'split-writer'),
      {
        apiVersion: `${rbac}/v1`,
        kind: 'Role',
        metadata: { name: 'leader', namespace: 'split' },
        rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }],
      },
      {
        apiVersion: `${rbac}/v1`,
        kind: 'RoleBinding',
        metadata: { name: 'leader', namespace: 'split' },
        roleRef: { apiGroup: rbac, kind: 'Role', name: 'leader' },
        subjects: [{ kind: 'ServiceAccount', name: 'app', namespace: 'split' }],
      },
    ];
    const roles = ['split-reader', 'split-writer'].map((name) => ({ name, trust: kiamTrust }));
    const estate = await planned(await manyMoves(0, { objects, roles }));
    expect(estate.plan.steps.some(({ kind }) => kind === 'copy-rbac-subject')).toBe(true);
    expect(told(await play(estate))).toBe('');
    const verdict = await playMutant(estate, (step) => (step.kind === 'copy-rbac-subject' ? null : step));
    expect(told(verdict)).toMatch(/loses Role leader in split/);
  });
});

describe('a plan for Pod Identity that is wrong', () => {
  it('is caught: the association before its trust', async () => {
    const estate = await planned(await manyMoves(1), {
      target: 'pod-identity',
      sdkKnown: ['*'],
      accept: ['RL217:team-000/app'],
    });
    expect(estate.plan.steps.map(({ kind }) => kind)).toContain('create-pod-identity-association');
    expect(told(await play(estate))).toBe('');
    const verdict = await playMutant(estate, (step, all) => {
      if (step.kind === 'create-pod-identity-association')
        return { ...step, dependsOn: step.dependsOn.filter((id) => !id.startsWith('add-trust-statement')) };
      if (step.kind === 'add-trust-statement')
        return { ...step, stage: 'cutover', dependsOn: of(all, 'create-pod-identity-association', step.move) };
      return step;
    });
    // EKS itself refuses a role that does not trust it yet; where it would take it, the pods would get no role.
    expect(told(verdict)).toMatch(/gets no role|EKS does not take the role/);
  });
});

describe('a plan for the node role that is wrong', () => {
  it('is caught: detached before the proof', async () => {
    const estate = await planned(await loadScenario('cni'));
    expect(told(await play(estate))).toBe('');
    const early = (plan: Plan): Plan =>
      altered(plan, (step, all) => {
        const detach = all.filter(({ kind }) => kind === 'detach-role-policy').map(({ id }) => id);
        if (step.kind === 'detach-role-policy') return { ...step, stage: 'prepare', dependsOn: [] };
        return step.kind === 'create-role' ? { ...step, dependsOn: [...step.dependsOn, ...detach] } : step;
      });
    // The step itself refuses to be that early …
    expect((await play({ ...estate, plan: early(estate.plan) })).passed).toBe(false);
    // … and where it would not, the invariant tells.
    const blind = kindsWith('detach-role-policy', { preconditions: async () => [] });
    const verdict = await play({ ...estate, plan: early(estate.plan) }, { registry: blind });
    expect(told(verdict)).toMatch(/the CNI lost its permission/);
  });
});

describe('an engine that is wrong', () => {
  let estate: Estate;
  beforeAll(async () => {
    estate = await planned(await manyMoves(1));
  });

  it('is caught: undo leaves pods that carry the new identity', async () => {
    const nothing = async () => ({ is: 'done', how: 'exact', note: '' }) as const;
    const kinds = new Map(kindsWith('restart-workload', { undo: nothing }));
    const prove = registry.get('prove-identity') as StepKind;
    kinds.set('prove-identity', { ...prove, undo: nothing });
    const remove = registry.get('remove-pod-annotation') as StepKind;
    kinds.set('remove-pod-annotation', remove);
    expect(told(await play(estate, { registry: kinds }))).toMatch(/gets no role|is not what it was/);
  });

  it('is caught: restart and proof that look at nothing', async () => {
    const restart = registry.get('restart-workload') as StepKind;
    const kinds = new Map(registry);
    kinds.set('restart-workload', {
      ...restart,
      observe: async () => ({ is: 'applied', saw: {} }),
    });
    expect((await play(estate, { registry: kinds })).passed).toBe(false);
  });

  it('is caught: what was cut off is taken for done', async () => {
    const verdict = await play(estate, {
      engine: {
        ...engine,
        apply: async (run) => {
          for (const [step, state] of run.journal.state.steps)
            if (state.is === 'in-flight') {
              await run.journal.append({
                type: 'run-started',
                command: 'apply',
                options: {},
                caller: { arn: '', account: '', kubernetesUser: '' },
                holder: '',
                tool: '',
              });
              await run.journal.append({ type: 'applied', step, output: {} });
            }
          return engine.apply(run);
        },
      },
    });
    expect(told(verdict)).toMatch(/cut off before .* does not end where the uninterrupted run ends/);
  });

  it('is caught: an annotation that a rollback leaves behind', async () => {
    const kinds = kindsWith('annotate-service-account', { undo: async () => ({ is: 'done', how: 'exact', note: '' }) });
    expect((await play(estate, { registry: kinds })).passed).toBe(false);
  });
});

describe('an identity model that is wrong', () => {
  /** A workload that asks kiam for odd-app, in a namespace that permits these roles. */
  const oddOne = async (permitted: string, trust: object) =>
    planned(
      await manyMoves(1, {
        objects: [
          {
            apiVersion: 'v1',
            kind: 'Namespace',
            metadata: { name: 'odd', annotations: { 'iam.amazonaws.com/permitted': permitted } },
          },
          accountObject('odd', 'app'),
          workload('Deployment', 'odd', 'app', 'app', 'odd-app'),
        ],
        roles: [{ name: 'odd-app', trust }],
      }),
    );

  it("is caught: kiam's expressions read by JavaScript's rules", async () => {
    // RE2 has no lookahead: kiam hands out nothing here. JavaScript would match.
    const estate = await oddOne('(?=.*odd).*', kiamTrust);
    expect(told(await play(estate))).toBe('');
    const verdict = await play(estate, {
      model: {
        ...identityModel,
        answer: (view, world, place) => {
          const right = identityModel.answer(view, world, place);
          const refused = right.refused[0];
          const pattern = world.namespaceAnnotations(view.namespace)?.['iam.amazonaws.com/permitted'] ?? '';
          return refused?.code === 'RL104' && new RegExp(pattern).test(refused.role ?? '')
            ? { ...right, certainty: 'known', role: refused.role, wins: { ...refused, assumable: 'yes' } }
            : right;
        },
      },
    });
    expect(told(verdict)).toMatch(
      /Deployment odd\/app: .* gets no role on the twin .*the identity model says .*odd-app/,
    );
  });

  it('is caught: what STS says is left out', async () => {
    const closed = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    };
    const estate = await oddOne('.*', closed);
    expect(told(await play(estate))).toBe('');
    const verdict = await play(estate, {
      model: {
        ...identityModel,
        answer: (view, world, place) => {
          const right = identityModel.answer(view, world, place);
          const refused = right.refused[0];
          return refused?.code === 'RL110'
            ? { ...right, certainty: 'known', role: refused.role, wins: { ...refused, assumable: 'yes' } }
            : right;
        },
      },
    });
    expect(told(verdict)).toMatch(
      /Deployment odd\/app: .* gets no role on the twin .*the identity model says .*odd-app/,
    );
  });
});

describe('a failure in a plan of several moves', () => {
  it('is told with the move that fails alone too', async () => {
    const estate = await planned(await manyMoves(3));
    const verdict = await playMutant(estate, (step) =>
      step.kind === 'annotate-service-account' && step.move === 'move:team-001/app'
        ? { ...step, stage: 'prepare' }
        : step,
    );
    expect(verdict.passed).toBe(false);
    expect(verdict.failures[0]).toMatchObject({ subject: 'Deployment team-001/app', move: 'move:team-001/app' });
    expect(verdict.failures[0]?.reproduce).toMatch(
      /^rolelift rehearse PLAN --move move:team-001\/app; up to write [1-3] \(prepare: PATCH serviceaccounts/,
    );
  });
});
