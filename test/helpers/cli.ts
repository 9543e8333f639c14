import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach } from 'vitest';

const program = process.env.ROLELIFT_PROGRAM ?? path.resolve(import.meta.dirname, '../../dist/cli/main.js');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Standard output so far. */
  out(): string;
  /** Standard error so far. */
  err(): string;
}

/** An environment without the settings of whoever runs the tests. */
export const cleanEnv = (more: Readonly<Record<string, string>> = {}): Record<string, string> => {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(AWS_|KUBE|HTTPS?_PROXY|https?_proxy|NO_COLOR|CI$|VITEST|NODE_OPTIONS)/.test(name),
  );
  return { ...(Object.fromEntries(kept) as Record<string, string>), AWS_EC2_METADATA_DISABLED: 'true', ...more };
};

interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A command that runs the program, with its first arguments. */
  readonly under?: readonly string[];
}

export const start = (args: readonly string[], options: Surroundings = {}): Running => {
  const [command = process.execPath, ...first] = [...(options.under ?? []), process.execPath, program];
  const child = spawn(command, [...first, ...args], {
    env: cleanEnv(options.env),
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, out, err })),
  );
  return { child, ended, out: () => out, err: () => err };
};

/** Runs the built program as a user would and waits for its end. */
export const rolelift = (args: readonly string[], options: Surroundings = {}): Promise<Ended> =>
  start(args, options).ended;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
/** A temporary folder that goes with the test. */
export const folder = (): string => {
  const made = mkdtempSync(path.join(tmpdir(), 'rolelift-test-'));
  folders.push(made);
  return made;
};

export interface RunningSandbox {
  readonly env: Readonly<Record<string, string>>;
  readonly url: string;
  stop(): Promise<void>;
  /** A call of the sandbox's own controls. */
  control(method: string, name: string, body?: unknown): Promise<unknown>;
}

/** `rolelift sandbox` as a process of its own. */
export const startSandbox = async (args: readonly string[] = []): Promise<RunningSandbox> => {
  const running = start(['sandbox', '--json', ...args]);
  const deadline = Date.now() + 20_000;
  while (!running.out().includes('\n')) {
    if (running.child.exitCode !== null || Date.now() > deadline)
      throw new Error(`the sandbox did not start: ${running.err()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const env = JSON.parse(running.out()) as Record<string, string>;
  const url = env.AWS_ENDPOINT_URL as string;
  return {
    env,
    url,
    async stop() {
      running.child.kill('SIGTERM');
      await running.ended;
    },
    async control(method, name, body) {
      const answer = await fetch(`${url}/_sandbox/${name}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${name}: ${answer.status} ${text}`);
      return text === '' ? null : (JSON.parse(text) as unknown);
    },
  };
};
