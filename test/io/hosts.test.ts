import { describe, expect, it } from 'vitest';
import { jsonHost } from '../../src/io/json-host.js';
import { plainHost } from '../../src/io/plain-host.js';
import type { Streams } from '../../src/io/streams.js';
import { terminalHost } from '../../src/io/terminal-host.js';
import type { ErrorData } from '../../src/model/error.js';
import type { Message } from '../../src/model/message.js';
import { plainStyle } from '../../src/model/style.js';

/** Clears the screen, sets the title, goes right to left, begins a sequence with one C1 character, ends the line. */
const evil = 'a\u001b[2J\u001b]0;owned\u0007\u202eb\u009b31mc\r\nERROR: all is well';
const dangerous = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

const streamsTo = (written: string[]): Streams => ({
  out: (text) => void written.push(text),
  err: (text) => void written.push(text),
  outIsTerminal: false,
  errIsTerminal: false,
  inIsTerminal: false,
  columns: 100,
  drained: async () => undefined,
});
const error: ErrorData = {
  code: 'RL714',
  message: evil,
  subject: { kind: evil, namespace: evil, name: `other ${evil}` },
  cause: evil,
  remedy: evil,
  fault: 'remote',
};
const messages: readonly Message[] = [
  { kind: 'note', code: 'RL800', text: evil },
  { kind: 'progress', id: evil, parent: null, title: evil, state: 'running', waitsFor: evil },
  { kind: 'progress', id: evil, parent: null, title: evil, state: 'failed' },
  { kind: 'error', error, beside: error },
];

describe.each([
  ['plain', (streams: Streams) => plainHost(streams, plainStyle, 'verbose')],
  ['terminal', (streams: Streams) => terminalHost(streams, plainStyle)],
  ['json', (streams: Streams) => jsonHost(streams, true)],
] as const)('the %s host', (name, make) => {
  it('interprets nothing that came from a cluster, a file or AWS', async () => {
    const written: string[] = [];
    const host = make(streamsTo(written));
    for (const message of messages) host.say(message);
    await host.pause();
    host.error(error, error);
    await host.close();
    const text = written.join('');
    expect(text).toContain('a');
    expect(text.match(dangerous)).toBeNull();
    // What looks like a line of its own stands inside another one.
    expect(text.split('\n').filter((line) => line.startsWith('ERROR'))).toEqual([]);
    if (name === 'json')
      for (const line of text.split('\n').filter((each) => each !== '')) {
        const parsed = JSON.parse(line) as { readonly text?: string; readonly error?: ErrorData };
        expect(parsed.text ?? parsed.error?.message ?? evil).toBe(evil);
      }
  });
});
