import { describe, expect, it } from 'vitest';
import { build } from '../../src/cli/command-line.js';
import { rolelift } from '../helpers/cli.js';

/** `npx vitest run test/cli/help-text.test.ts -u` writes it anew. */
describe('the help text that is printed before the parser of commands is loaded', () => {
  const printed: string[] = [];
  const program = build(() => async () => undefined);
  program.configureOutput({ writeOut: (text) => void printed.push(text), getOutHelpWidth: () => 80 });
  program.outputHelp();
  const text = printed.join('');

  it('is the one that the parser makes', async () => {
    expect(text).not.toMatch(/[`$\\]/);
    await expect(
      `/** Made by test/cli/help-text.test.ts of what command-line.ts tells the parser. */\nexport const helpText = \`${text}\`;\n`,
    ).toMatchFileSnapshot('../../src/cli/help-text.ts');
  });

  it('is what --help, -h and no argument at all print, and not what a command or another option gets', async () => {
    for (const args of [['--help'], ['-h'], []])
      expect(await rolelift(args)).toMatchObject({ code: 0, out: text, err: '' });
    expect((await rolelift(['--help', '--version'])).code).toBe(0);
    expect((await rolelift(['scan', '--help'])).out).toContain('Usage: rolelift scan');
    expect(await rolelift(['--hlep'])).toMatchObject({ code: 64, out: '' });
  });
});
