import { describe, expect, it } from 'vitest';
import { nextCommands, reachOptions, undoSelection } from '../../src/cli/next-commands.js';

describe('the commands that go on', () => {
  it('reach what the run reached, as it was named', () => {
    const options = {
      context: 'prod eu',
      profile: 'ops',
      accountRole: { '444455556666': 'arn:aws:iam::444455556666:role/migrator' },
      state: 's3://team/prod',
      lock: 'tools/rolelift',
    };
    const reach =
      "--context 'prod eu' --profile ops --account-role 444455556666=arn:aws:iam::444455556666:role/migrator";
    expect(nextCommands('plans/prod', options)).toEqual({
      apply: `rolelift apply plans/prod ${reach} --state s3://team/prod --lock tools/rolelift`,
      rollback: `rolelift rollback plans/prod ${reach} --state s3://team/prod --lock tools/rolelift`,
    });
    expect(reachOptions(options)).toBe(` ${reach}`);
  });

  it('leave out what holds anyway', () => {
    const { apply } = nextCommands('plans/demo', { lock: 'kube-system/rolelift', accountRole: {}, accountProfile: {} });
    expect(apply).toBe('rolelift apply plans/demo');
  });

  it('undo as much as was asked for', () => {
    const none = { move: [], forceMove: [], gitops: 'handoff' } as const;
    expect(undoSelection(none)).toBe('');
    expect(undoSelection({ ...none, to: 'gate:a/b' })).toBe(' --to gate:a/b');
    expect(undoSelection({ move: ['move:a/b'], forceMove: ['move:a/b'], gitops: 'live' })).toBe(
      ' --move move:a/b --force-move move:a/b --gitops live',
    );
  });
});
