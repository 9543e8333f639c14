import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';
import { cleanEnv } from './cli.js';

const program = path.resolve(import.meta.dirname, '../../dist/cli/main.js');

/** Whether a real terminal can be had here. */
export const hasTmux = spawnSync('tmux', ['-V']).status === 0;

export interface Screen {
  /** What the terminal shows now, scrolled-away lines included. */
  text(): string;
  keys(...keys: readonly string[]): void;
  /** Waits until the screen shows it; throws with the screen where it does not in time. */
  shows(what: RegExp, seconds?: number): Promise<string>;
  close(): void;
}

/** Runs rolelift in a terminal of 80 columns; its exit code is printed as `[exit N]` behind it. */
export const inTerminal = (
  args: readonly string[],
  options: { readonly env: Readonly<Record<string, string>>; readonly cwd: string },
): Screen => {
  const name = `rolelift-test-${process.pid}-${Math.trunc(performance.now())}`;
  const quoted = [process.execPath, program, ...args].map((word) => `'${word}'`).join(' ');
  const tmux = (...words: readonly string[]): string =>
    execFileSync('tmux', ['-L', name, ...words], {
      encoding: 'utf8',
      cwd: options.cwd,
      env: { ...cleanEnv(options.env), TERM: 'xterm-256color' },
    });
  tmux('-f', '/dev/null', 'new-session', '-d', '-x', '80', '-y', '50', `${quoted}; echo "[exit $?]"; sleep 60`);
  const text = (): string => tmux('capture-pane', '-p', '-S', '-2000');
  return {
    text,
    keys: (...keys) => void tmux('send-keys', ...keys),
    async shows(what, seconds = 90) {
      const end = Date.now() + seconds * 1000;
      for (;;) {
        const now = text();
        if (what.test(now)) return now;
        if (Date.now() > end) throw new Error(`the screen never showed ${what}:\n${now}`);
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    },
    close: () => void spawnSync('tmux', ['-L', name, 'kill-server']),
  };
};
