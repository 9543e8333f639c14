import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Ended, rolelift } from '../helpers/cli.js';
import { lasting } from '../helpers/lasting-folder.js';

/** Settings of a user that must neither be used nor get in the way: nothing listens there, no such profile or file exists. */
const theirs = {
  AWS_PROFILE: 'production',
  AWS_CONFIG_FILE: '/nonexistent/aws/config',
  AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
  AWS_ENDPOINT_URL_IAM: 'http://127.0.0.1:9',
  AWS_SESSION_TOKEN: 'token',
  AWS_REGION: 'ap-south-1',
  KUBECONFIG: '/nonexistent/kubeconfig',
  HTTPS_PROXY: 'http://127.0.0.1:9',
  HTTP_PROXY: 'http://127.0.0.1:9',
};

describe('the demo', () => {
  let directory: string;
  let told: Ended;
  let streamed: Ended;
  // Side by side: most of a demo is waiting for IAM to agree with itself.
  beforeAll(async () => {
    const folder = lasting();
    directory = path.join(folder, 'kept');
    [told, streamed] = await Promise.all([
      rolelift(['demo', '-o', directory], { env: theirs }),
      rolelift(['demo', '--json', '-o', path.join(folder, 'other')], { env: theirs }),
    ]);
  }, 280_000);

  it('tells the whole story, whatever the user has set, and keeps its files where it was told to', () => {
    const { code, out, err } = told;
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.match(/^▌ \d+\. .*$/gm)).toHaveLength(10);
    for (const word of ['scan', 'plan', 'rehearse', 'apply', 'verify', 'retire', 'rollback'])
      expect(out).toMatch(new RegExp(`^▌ .*${word}`, 'm'));
    // The denied one, the proof, the retired and the end.
    expect(out).toMatch(/blocked +marketing\/campaigns: RL101/);
    expect(out).toMatch(/payments\/api +proven +used/);
    expect(out).toMatch(/\d+ of kiam's annotations taken away/);
    expect(out).toContain('are what they were before, field by field');
    expect(out).not.toMatch(/ NO$/m);
    const wide = out.split('\n').filter((line) => line.length > 80 && !line.includes(directory));
    expect(wide).toEqual([]);
    for (const name of ['inventory.json', 'plan.json', 'rehearsal.json', 'journal.jsonl', 'RUNBOOK.md'])
      expect(existsSync(path.join(directory, name)), name).toBe(true);
    expect(readFileSync(path.join(directory, 'plan.json'), 'utf8')).not.toContain('production');
  });

  it('is one JSON event a line with --json', () => {
    const { code, out, err } = streamed;
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; number?: number });
    expect(events.filter((event) => event.type === 'chapter').map((event) => event.number)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
    ]);
    expect(events.filter((event) => event.type === 'run-ended')).toHaveLength(3);
    expect(events.every((event) => typeof event.type === 'string')).toBe(true);
  });
});
