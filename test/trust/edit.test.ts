import { describe, expect, it } from 'vitest';
import { parseTrust, sameTrust, sizeOf } from '../../src/trust/document.js';
import { addStatement, contains, containsOurs, removeStatement } from '../../src/trust/edit.js';
import { restore } from '../../src/trust/restore.js';
import { statementFor } from '../../src/trust/statement.js';

const providerArn = 'arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE';
const ours = (serviceAccount: string) =>
  statementFor({ mechanism: 'irsa', providerArn, namespace: 'payments', serviceAccount });
const broker = {
  Sid: 'kiam',
  Effect: 'Allow',
  Principal: { AWS: 'arn:aws:iam::111122223333:role/kiam-server' },
  Action: 'sts:AssumeRole',
};
const start = JSON.stringify({ Version: '2012-10-17', Statement: [broker] }, null, 2);

const add = (text: string, statement: ReturnType<typeof ours>, limit?: number) => {
  const result = addStatement(text, statement, limit === undefined ? {} : { limit });
  if (result.is !== 'changed') throw new Error(`expected a change, got ${result.is}`);
  return result;
};
const statementsIn = (text: string) => {
  const document = parseTrust(text);
  if (document.is !== 'document') throw new Error(document.reason);
  return document.statements;
};

describe('adding a statement', () => {
  it('appends it and leaves the others as they are', () => {
    const added = add(start, ours('api'));
    expect(statementsIn(added.text)).toEqual([broker, ours('api')]);
    expect(added.size).toBe(sizeOf(added.text));
    expect(added.joined).toBe(false);
  });

  it('appends to a document whose Statement is one object', () => {
    const added = add(JSON.stringify({ Version: '2012-10-17', Statement: broker }), ours('api'));
    expect(statementsIn(added.text)).toEqual([broker, ours('api')]);
  });

  it('sees that it is there already, in whatever spelling and by whosever hand', () => {
    const added = add(start, ours('api'));
    expect(addStatement(added.text, ours('api'))).toMatchObject({ is: 'already', text: added.text });
    const foreign = { ...ours('api'), Sid: 'Terraform', Action: ['STS:AssumeRoleWithWebIdentity'] };
    const theirs = JSON.stringify({ Version: '2012-10-17', Statement: [foreign] });
    expect(addStatement(theirs, ours('api'))).toMatchObject({ is: 'already', sid: 'Terraform' });
    expect(contains(theirs, ours('api'))).toBe(true);
    expect(containsOurs(theirs, ours('api'))).toBe(false);
    expect(containsOurs(added.text, ours('api'))).toBe(true);
  });

  it('takes another Sid where a statement that says something else has ours', () => {
    const squatter = { ...broker, Sid: ours('api').Sid as string };
    const added = add(JSON.stringify({ Version: '2012-10-17', Statement: [squatter] }), ours('api'));
    expect(added.sid).not.toBe(squatter.Sid);
    expect(statementsIn(added.text).map((one) => one.Sid)).toEqual([squatter.Sid, added.sid]);
    expect(removeStatement(added.text, ours('api'))).toMatchObject({
      is: 'changed',
      text: JSON.stringify({ Version: '2012-10-17', Statement: [squatter] }),
    });
  });

  it('refuses at one character over the limit and takes it at the limit', () => {
    const size = add(start, ours('api')).size;
    expect(addStatement(start, ours('api'), { limit: size }).is).toBe('changed');
    expect(addStatement(start, ours('api'), { limit: size - 1 })).toMatchObject({
      is: 'refused',
      reason: 'too-large',
      size,
      limit: size - 1,
    });
  });

  it('joins a statement of ours where one of its own does not fit', () => {
    const first = add(start, ours('api'));
    const apart = add(first.text, ours('web'));
    const joined = add(first.text, ours('web'), apart.size - 1);
    expect(joined.joined).toBe(true);
    expect(joined.size).toBeLessThan(apart.size);
    expect(statementsIn(joined.text)).toHaveLength(2);
    expect(contains(joined.text, ours('api')) && contains(joined.text, ours('web'))).toBe(true);
    expect(addStatement(joined.text, ours('web')).is).toBe('already');
  });

  it('never joins a statement that is not ours', () => {
    const foreign = { ...ours('api'), Sid: 'Eksctl' };
    const text = JSON.stringify({ Version: '2012-10-17', Statement: [foreign] });
    const size = add(text, ours('web')).size;
    expect(addStatement(text, ours('web'), { limit: size - 1 })).toMatchObject({ is: 'refused', reason: 'too-large' });
  });

  it('refuses what IAM would not take back', () => {
    const dead = { ...broker, Principal: { AWS: ['AROAEXAMPLE1234567890', 'arn:aws:iam::111122223333:root'] } };
    const text = JSON.stringify({ Version: '2012-10-17', Statement: [dead] });
    expect(addStatement(text, ours('api'))).toMatchObject({
      is: 'refused',
      reason: 'not-restorable',
      principals: ['AROAEXAMPLE1234567890'],
    });
    expect(addStatement('{', ours('api'))).toMatchObject({ is: 'refused', reason: 'not-parseable' });
  });
});

describe('removing a statement', () => {
  it('takes exactly ours away', () => {
    const both = add(add(start, ours('api')).text, ours('web')).text;
    const removed = removeStatement(both, ours('api'));
    expect(removed.is === 'changed' && statementsIn(removed.text)).toEqual([broker, ours('web')]);
    expect(removeStatement(start, ours('api'))).toMatchObject({ is: 'absent' });
  });

  it('takes one subject out of a joined list, whichever it is', () => {
    const first = add(start, ours('api'));
    const joined = add(first.text, ours('web'), add(first.text, ours('web')).size - 1).text;
    const noWeb = removeStatement(joined, ours('web'));
    expect(noWeb.is === 'changed' && sameTrust(noWeb.text, first.text)).toBe(true);
    const noApi = removeStatement(joined, ours('api'));
    if (noApi.is !== 'changed') throw new Error(noApi.is);
    expect(contains(noApi.text, ours('api'))).toBe(false);
    expect(containsOurs(noApi.text, ours('web'))).toBe(true);
    const neither = removeStatement(noApi.text, ours('web'));
    expect(neither.is === 'changed' && sameTrust(neither.text, start)).toBe(true);
  });

  it('leaves a foreign statement that says the same, unless it is asked for that', () => {
    const foreign = { ...ours('api'), Sid: 'Terraform' };
    const text = JSON.stringify({ Version: '2012-10-17', Statement: [broker, foreign] });
    expect(removeStatement(text, ours('api')).is).toBe('absent');
    expect(removeStatement(text, broker).is).toBe('absent');
    const asked = removeStatement(text, broker, { anySid: true });
    expect(asked.is === 'changed' && statementsIn(asked.text)).toEqual([foreign]);
  });

  it('refuses to leave a role without any statement', () => {
    const only = JSON.stringify({ Version: '2012-10-17', Statement: [ours('api')] });
    expect(removeStatement(only, ours('api'))).toMatchObject({ is: 'refused', reason: 'last-statement' });
  });
});

describe('restoring', () => {
  const after = add(start, ours('api')).text;

  it('gives the recorded bytes where nobody else touched it, however IAM formats it', () => {
    const live = encodeURIComponent(JSON.stringify(JSON.parse(after), null, 3));
    expect(restore({ before: start, after, live, statement: ours('api') })).toEqual({ is: 'exact', text: start });
  });

  it('takes only our entry out where somebody edited it, and says so', () => {
    const foreign = {
      Sid: 'New',
      Effect: 'Allow',
      Principal: { Service: 'lambda.amazonaws.com' },
      Action: 'sts:AssumeRole',
    };
    const live = JSON.stringify({ Version: '2012-10-17', Statement: [...statementsIn(after), foreign] });
    const restored = restore({ before: start, after, live, statement: ours('api') });
    expect(restored).toMatchObject({ is: 'surgical', foreign: true });
    expect(restored.is === 'surgical' && statementsIn(restored.text)).toEqual([broker, foreign]);
  });

  it('does not call another move of ours a foreign edit', () => {
    const live = add(after, ours('web')).text;
    const request = { before: start, after, live, statement: ours('api') };
    expect(restore({ ...request, siblings: [ours('web')] })).toMatchObject({ is: 'surgical', foreign: false });
    expect(restore(request)).toMatchObject({ is: 'surgical', foreign: true });
  });

  it('gives the first bytes back when moves are undone in the order in which they were made', () => {
    const later = add(after, ours('web')).text;
    const first = restore({ before: start, after, live: later, statement: ours('api'), siblings: [ours('web')] });
    if (first.is !== 'surgical') throw new Error(first.is);
    const last = restore({
      before: after,
      after: later,
      live: first.text,
      statement: ours('web'),
      siblings: [ours('api')],
      recorded: [start],
    });
    expect(last).toEqual({ is: 'exact', text: start });
  });

  it('says that it is gone where somebody removed it', () => {
    expect(restore({ before: start, after, live: start, statement: ours('api') })).toEqual({
      is: 'gone',
      foreign: false,
    });
  });

  it('refuses where a principal was deleted since', () => {
    const live = after.replace('arn:aws:iam::111122223333:role/kiam-server', 'AROAEXAMPLE1234567890');
    expect(restore({ before: start, after, live, statement: ours('api') })).toMatchObject({
      is: 'refused',
      reason: 'not-restorable',
    });
  });
});
