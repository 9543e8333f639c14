import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/model/json.js';
import { addTrustStatement } from '../../src/steps/add-trust-statement.js';
import type { StepKind } from '../../src/steps/step.js';
import { estate, ourStatement } from '../contract/samples.js';
import { aStep, stepContext } from '../helpers/step-context.js';

const kind: StepKind = addTrustStatement;
const account = '111122223333';
const subject = (name: string): JsonObject => ({
  ...ourStatement,
  Sid: `Rolelift${name}`,
  Condition: { StringEquals: { 'x:sub': `system:serviceaccount:payments:${name}` } },
});
const stepFor = (name: string, limit = 2048) =>
  aStep(
    'add-trust-statement',
    { account, role: 'api', roleArn: `arn:aws:iam::${account}:role/api`, statement: subject(name), limit },
    { id: `add-trust-statement:${name}` },
  );
const textOf = (preimage: JsonObject): string => (preimage.document as { value: string }).value;

describe('trust statements', () => {
  it.each([
    ['in turn', ['b', 'a']],
    ['the other way round', ['a', 'b']],
  ])('brings back the very bytes when two moves of one role are undone %s', async (_words, order) => {
    const world = estate();
    const ctx = stepContext(world);
    const start = world.account.roles.get('api').trust;
    const preimages: Record<string, JsonObject> = {};
    for (const name of ['a', 'b']) {
      preimages[name] = await kind.preimage(ctx, stepFor(name));
      await kind.apply(ctx, stepFor(name));
    }
    const siblings = Object.values(preimages);
    for (const name of order) {
      const undone = await kind.undo(ctx, stepFor(name), {
        preimage: preimages[name] as JsonObject,
        output: null,
        siblings,
      });
      expect(undone.is).toBe('done');
    }
    expect(world.account.roles.get('api').trust).toBe(start);
  });

  it('waits over a stale read instead of writing the older document back', async () => {
    const world = estate();
    const known = new Map<string, string[]>();
    await kind.apply(stepContext(world, { known }), stepFor('a'));
    world.account.staleReads = 3;
    await kind.apply(stepContext(world, { known }), stepFor('b'));
    const text = world.account.roles.get('api').trust;
    expect(text).toContain('payments:a');
    expect(text).toContain('payments:b');
  });

  it('decides anew where somebody writes over it between its write and its look', async () => {
    const world = estate();
    const ctx = stepContext(world);
    const start = world.account.roles.get('api').trust;
    let once = true;
    const port = world.account.port(account);
    const meddling = {
      ...ctx,
      aws: () => ({
        ...port,
        call: async (...args: Parameters<typeof port.call>) => {
          const answer = await port.call(...args);
          if (args[1] === 'UpdateAssumeRolePolicy' && once) {
            once = false;
            const parsed = JSON.parse(start);
            parsed.Statement.push({
              Sid: 'Theirs',
              Effect: 'Allow',
              Principal: { AWS: 'arn:aws:iam::1:root' },
              Action: 'sts:AssumeRole',
            });
            world.account.roles.get('api').trust = JSON.stringify(parsed);
          }
          return answer;
        },
      }),
    };
    await kind.apply(meddling, stepFor('a'));
    const text = world.account.roles.get('api').trust;
    expect(text).toContain('Theirs');
    expect(text).toContain('payments:a');
    const undone = await kind.undo(ctx, stepFor('a'), {
      preimage: { document: { present: true, value: start } },
      output: null,
      siblings: [],
    });
    expect(undone).toMatchObject({ is: 'done', how: 'surgical' });
    expect(world.account.roles.get('api').trust).toContain('Theirs');
    expect(world.account.roles.get('api').trust).not.toContain('payments:a');
  });

  it('refuses what does not fit the quota, and writes nothing', async () => {
    const world = estate();
    await expect(kind.apply(stepContext(world), stepFor('a', 100))).rejects.toMatchObject({ data: { code: 'RL827' } });
    expect(world.writes).toEqual([]);
  });

  it('keeps the document before it as IAM had it, and says gone where the role is gone', async () => {
    const world = estate();
    const ctx = stepContext(world);
    const start = world.account.roles.get('api').trust;
    expect(textOf(await kind.preimage(ctx, stepFor('a')))).toBe(start);
    world.account.roles.delete('api');
    expect((await kind.observe(ctx, stepFor('a'))).is).toBe('gone');
    expect(await kind.undo(ctx, stepFor('a'), { preimage: null, output: null, siblings: [] })).toMatchObject({
      how: 'gone',
    });
  });
});
