import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { rolelift } from '../helpers/cli.js';

/** What the script offers behind these words, asked as bash asks it. */
const offers = (script: string, ...words: readonly string[]): readonly string[] => {
  const asked = `${script}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_rolelift; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return spawnSync('bash', ['-c', asked], { encoding: 'utf8' }).stdout.trim().split('\n');
};

describe('completion', () => {
  it('offers commands, and the options of the command that stands there', async () => {
    const { code, out } = await rolelift(['completion', 'bash']);
    expect(code).toBe(0);
    expect(offers(out, 'rolelift', 're')).toEqual(['rehearse', 'retire-broker', 'report']);
    expect(offers(out, 'rolelift', 'apply', '--roll')).toEqual(['--rollouts', '--rollout-timeout']);
    expect(offers(out, 'rolelift', 'show', '--form')).toEqual(['--format']);
  });

  it('has scripts that zsh and fish can read, as far as they are there', async () => {
    for (const shell of ['zsh', 'fish']) {
      const { out } = await rolelift(['completion', shell]);
      expect(out).toContain('rehearse');
      const checked = spawnSync(shell, ['-n'], { input: out, encoding: 'utf8' });
      if (checked.error === undefined) expect({ shell, err: checked.stderr }).toEqual({ shell, err: '' });
    }
  });
});
