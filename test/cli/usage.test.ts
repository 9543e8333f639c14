import { describe, expect, it, vi } from 'vitest';
import { rolelift, start } from '../helpers/cli.js';

// Many processes, one after the other.
vi.setConfig({ testTimeout: 90_000 });

const wrong: readonly { readonly args: readonly string[]; readonly says: RegExp }[] = [
  { args: ['aply'], says: /unknown command 'aply'[\s\S]*Did you mean apply/ },
  { args: ['apply'], says: /missing required argument 'plan'/ },
  { args: ['plan', '--targt', 'irsa'], says: /unknown option '--targt'[\s\S]*--target/ },
  { args: ['plan', '--target', 'both'], says: /one of auto, irsa, pod-identity is wanted/ },
  { args: ['apply', 'x', '--soak', '5x'], says: /a time such as 90s, 10m, 24h or 0s is wanted/ },
  { args: ['scan', '--max-rate', 'iam=2'], says: /LANE=N is wanted/ },
  { args: ['scan', '--account-role', 'prod=arn'], says: /account of twelve digits/ },
  { args: ['apply', 'no/such/plan'], says: /RL602[\s\S]*no\/such\/plan/ },
  { args: ['plan', '--inventory', 'nofile.json'], says: /RL603[\s\S]*nofile\.json/ },
  { args: ['plan', '--inventory', 'a', '--manifests', 'b'], says: /RL606/ },
  { args: ['rollback'], says: /RL608[\s\S]*--run ID/ },
  { args: ['explain', 'RL999'], says: /RL605/ },
  { args: ['completion', 'tcsh'], says: /RL607/ },
];

describe('wrong usage', () => {
  it('ends with 64, says what is wrong on standard error, and nothing on standard output', async () => {
    for (const { args, says } of wrong) {
      const ended = await rolelift(args);
      expect({ args, code: ended.code, out: ended.out }).toEqual({ args, code: 64, out: '' });
      expect(ended.err, args.join(' ')).toMatch(says);
    }
  });

  it('is one JSON document on standard error with --json', async () => {
    for (const args of [
      ['aply', '--json'],
      ['explain', 'RL999', '--json'],
      ['status', 'nowhere', '--json'],
    ]) {
      const { code, out, err } = await rolelift(args);
      expect({ code, out }).toEqual({ code: 64, out: '' });
      const { error } = JSON.parse(err) as { error: Record<string, unknown> };
      expect(Object.keys(error)).toEqual(expect.arrayContaining(['code', 'message', 'subject', 'cause', 'remedy']));
    }
  });
});

describe('what needs no cluster', () => {
  it('prints the version, the help of each command, and the help where there is no terminal', async () => {
    expect((await rolelift(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    const bare = await rolelift([]);
    expect({ code: bare.code, err: bare.err }).toEqual({ code: 0, err: '' });
    expect(bare.out).toContain('Usage: rolelift');
    expect((await rolelift(['apply', '--help'])).out).toContain('--accept-unproven');
  });

  it('does not stumble over a reader that goes away', async () => {
    const ended = start(['explain', '--json']);
    ended.child.stdout?.destroy();
    expect(await ended.ended).toMatchObject({ code: 0, err: '' });
    const help = start(['--help']);
    help.child.stdout?.destroy();
    expect(await help.ended).toMatchObject({ code: 0, err: '' });
  });

  it('answers at once and loads neither an SDK nor the schema library for --version and --help', async () => {
    for (const args of [['--version'], ['--help'], ['plan', '--help']]) {
      const { out, err } = await rolelift(args, { env: { NODE_DEBUG: 'esm,module' } });
      expect(out).not.toBe('');
      expect(err).not.toMatch(/node_modules\/(@aws-sdk|@kubernetes|zod|listr2|inquirer)\//);
    }
  });

  it('explains every code that a finding or an error may have, as text and as data', async () => {
    const all = JSON.parse((await rolelift(['explain', '--json'])).out) as { code: string; explain: string }[];
    expect(all.length).toBeGreaterThan(80);
    expect(all.every((each) => /^RL\d{3}$/.test(each.code) && each.explain.length > 20)).toBe(true);
    const one = await rolelift(['explain', 'rl101']);
    expect(one.out).toContain('RL101 broker-denies-role (block)');
    expect(one.out).toContain('What to do:');
  });

  it('says without a cluster that none is configured, with exit 4 and what to do', async () => {
    const empty: readonly Readonly<Record<string, string>>[] = [
      { HOME: '/nonexistent' },
      { KUBECONFIG: '/dev/null' },
      { KUBECONFIG: '/nonexistent' },
    ];
    for (const env of empty) {
      const { code, out, err } = await rolelift(['scan'], { env });
      expect({ env, code, out }).toEqual({ env, code: 4, out: '' });
      expect(err).toMatch(/RL701/);
      expect(err).toContain('rolelift demo');
      expect(err).not.toMatch(/undefined|TypeError/);
    }
  });
});
