import { RoleliftError } from '../../src/model/error.js';
import type { GateState } from '../../src/model/gate.js';
import type { JsonObject } from '../../src/model/json.js';
import type { Step } from '../../src/model/plan.js';
import type { StepSettings, WriteCtx } from '../../src/steps/step.js';
import type { FakeWorld } from './fake-world.js';

/** A step's context over a fake world: nothing sleeps; a wait asks a bounded number of times and then ends with RL811. */
export const stepContext = (
  world: FakeWorld,
  more: {
    readonly settings?: Partial<StepSettings>;
    readonly gate?: GateState;
    readonly known?: Map<string, string[]>;
  } = {},
): WriteCtx => {
  let passed = 0;
  return {
    plan: {
      id: 'prod-abc123',
      digest: `sha256:${'0'.repeat(64)}`,
      clusterName: 'prod',
      accountId: '111122223333',
      region: 'eu-west-1',
      partition: 'aws',
      oidcIssuer: 'https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE',
    },
    run: 'run-1',
    clock: {
      now: () => passed,
      monotonic: () => passed,
      sleep: (_ms, signal) =>
        new Promise((_resolve, reject) =>
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
        ),
    },
    signal: new AbortController().signal,
    say: () => undefined,
    settings: {
      rolloutTimeoutMs: 60_000,
      proveToken: false,
      handoffWaitMs: 0,
      gitopsLive: false,
      rollback: 'rolelift rollback plans/prod --state local',
      ...more.settings,
    },
    token: 'token-of-plan-and-step',
    serverTime: () => 1_700_000_000_000 + passed,
    known: more.known ?? new Map(),
    async until(why, _boundMs, probe) {
      for (let asked = 0; asked < 12; asked += 1) {
        const answer = await probe();
        if (answer !== null) return answer;
        passed += 1000;
      }
      throw new RoleliftError({ code: 'RL811', message: why, remedy: 'wait', fault: 'remote' });
    },
    gate: () => more.gate ?? { is: 'closed', reason: 'closed in this test', opensAt: null, how: 'open it' },
    kubernetes: (cluster) => world.kubernetes(cluster),
    aws: (account) => world.aws(account),
  };
};

/** A step with defaults for what its kind does not need. */
export const aStep = (kind: string, params: JsonObject, more: Partial<Step> = {}): Step => ({
  id: `${kind}:payments/Thing/api`,
  kind,
  stage: 'cutover',
  move: 'move:payments/api',
  title: '',
  target: { api: 'none', kind: 'none', name: 'none' },
  params,
  before: {},
  after: {},
  dependsOn: [],
  undoDependsOn: [],
  effect: 'none',
  undo: '',
  skip: false,
  note: '',
  ...more,
});
