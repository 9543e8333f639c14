import { describe, expect, it } from 'vitest';
import type { StepKind } from '../../src/steps/step.js';
import { waitForHandoff } from '../../src/steps/wait-for-handoff.js';
import { bind, estate } from '../contract/samples.js';
import { aStep, stepContext } from '../helpers/step-context.js';

const kind: StepKind = waitForHandoff;
const ref = { apiVersion: 'v1', kind: 'ServiceAccount', namespace: 'payments', name: 'api' };
const pointer = '/metadata/annotations/eks.amazonaws.com~1role-arn';
const step = (suspend: string) =>
  aStep('wait-for-handoff', {
    tool: 'argocd',
    ref: 'payments',
    instructions: 'commit the patch',
    suspend,
    changes: [{ ref, pointer, value: 'arn:aws:iam::111122223333:role/api' }],
    reverse: [{ ref, pointer, value: null }],
  });
const none = { preimage: null, output: null, siblings: [] };

describe('waiting for a hand-off to be taken back', () => {
  it('names the whole command for an emergency, where the tool can be suspended', async () => {
    const world = estate();
    bind(world);
    const rollback = 'rolelift rollback plans/prod --context prod --state s3://team/prod';
    const ctx = stepContext(world, { settings: { rollback } });
    expect(await kind.undo(ctx, step('argocd app set payments --sync-policy none'), none)).toMatchObject({
      is: 'paused',
      how: expect.stringMatching(
        /^Take it back at its source:\n[\s\S]+\nIn an emergency: argocd app set payments --sync-policy none, then rolelift rollback plans\/prod --context prod --state s3:\/\/team\/prod --gitops live$/,
      ),
    });
    const bare = await kind.undo(ctx, step(''), none);
    expect(JSON.stringify(bare)).not.toContain('In an emergency');
  });
});
