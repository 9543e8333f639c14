import { afterEach, describe, expect, it, vi } from 'vitest';
import { jsonHost } from '../../src/io/json-host.js';
import { plainHost } from '../../src/io/plain-host.js';
import type { Streams } from '../../src/io/streams.js';
import type { Message } from '../../src/model/message.js';
import { plainStyle } from '../../src/model/style.js';

const recorder = () => {
  const out: string[] = [];
  const err: string[] = [];
  const streams: Streams = {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    outIsTerminal: false,
    errIsTerminal: false,
    inIsTerminal: false,
    columns: 80,
    drained: async () => undefined,
  };
  return { streams, out, err };
};
type Progress = Extract<Message, { kind: 'progress' }>;
const progress = (over: Partial<Progress>): Message => ({
  kind: 'progress',
  id: 'a',
  parent: null,
  title: 'payments/api',
  state: 'running',
  ...over,
});

afterEach(() => void vi.useRealTimers());

describe('the host for logs and pipes', () => {
  it('writes a line for a move that ended, none for its steps, and results to standard output', () => {
    const { streams, out, err } = recorder();
    const host = plainHost(streams, plainStyle, 'normal');
    host.say(progress({ state: 'running', done: 0, of: 3 }));
    host.say(progress({ id: 'step', parent: 'a', title: 'Restart', state: 'done' }));
    host.say(progress({ state: 'done', done: 3, of: 3 }));
    host.result('the result');
    expect(err).toEqual(['✓ payments/api 3/3\n']);
    expect(out).toEqual(['the result\n']);
  });

  it('writes every step with verbose, and nothing but results and errors with quiet', () => {
    const verbose = recorder();
    plainHost(verbose.streams, plainStyle, 'verbose').say(
      progress({ parent: 'a', title: 'Restart', state: 'running' }),
    );
    expect(verbose.err).toEqual(['  … Restart\n']);
    const quiet = recorder();
    const host = plainHost(quiet.streams, plainStyle, 'quiet');
    host.say(progress({ state: 'done' }));
    host.say({ kind: 'note', code: 'RL800', text: 'who' });
    expect(quiet.err).toEqual([]);
    host.error({ code: 'RL901', message: 'broken', subject: null, cause: '', remedy: 'mend it', fault: 'tool' });
    expect(quiet.err.join('')).toContain('RL901');
  });

  it('tells a wait only when it lasts, and once', async () => {
    vi.useFakeTimers();
    const { streams, err } = recorder();
    const host = plainHost(streams, plainStyle, 'normal');
    host.say(progress({ id: 'short', parent: 'a', waitsFor: 'IAM' }));
    host.say(progress({ id: 'short', parent: 'a', state: 'done' }));
    host.say(progress({ id: 'long', parent: 'a', title: 'Restart', waitsFor: 'a rollout' }));
    host.say(progress({ id: 'long', parent: 'a', title: 'Restart', waitsFor: 'a rollout' }));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(err).toEqual(['… Restart (waits: a rollout)\n']);
  });

  it('keeps everything back while a question stands on the screen, and tells it afterwards', async () => {
    const { streams, err } = recorder();
    const host = plainHost(streams, plainStyle, 'normal');
    const release = await host.hold();
    host.say(progress({ state: 'done' }));
    host.say({ kind: 'note', code: 'RL852', text: 'soaks' });
    expect(err).toEqual([]);
    release();
    expect(err).toEqual(['✓ payments/api\n', 'RL852 soaks\n']);
  });

  it('escapes what would act on a terminal', () => {
    const { streams, err } = recorder();
    const host = plainHost(streams, plainStyle, 'normal');
    host.say(progress({ title: '\u001b[2J\u202eevil\nline', state: 'done' }));
    host.say({ kind: 'note', code: 'RL800', text: '\u0007bell' });
    expect(err.join('')).not.toMatch(/[\u0007\u001b\u202e]/);
    expect(err).toHaveLength(2);
    expect(err.join('').match(/\n/g)).toHaveLength(2);
  });
});

describe('the host for programs', () => {
  it('writes events only where events are wanted, and errors as one object on standard error', () => {
    const error = {
      code: 'RL703',
      message: 'denied',
      subject: null,
      cause: 'why',
      remedy: 'do',
      fault: 'remote',
    } as const;
    for (const events of [true, false]) {
      const { streams, out, err } = recorder();
      const host = jsonHost(streams, events);
      host.say(progress({ state: 'done' }));
      host.error(error);
      expect(out).toHaveLength(events ? 1 : 0);
      expect(JSON.parse(err.join(''))).toEqual({ error });
    }
  });
});
