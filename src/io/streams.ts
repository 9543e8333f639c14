/** Standard output and error. A reader that went away (EPIPE) ends the run's output, never the run itself. */
export interface Streams {
  out(text: string): void;
  err(text: string): void;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  readonly inIsTerminal: boolean;
  readonly columns: number;
  drained(): Promise<void>;
}

export const processStreams = (onBroken: () => void): Streams => {
  let outBroken = false;
  let errBroken = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    if (!outBroken) onBroken();
    outBroken = true;
  });
  process.stderr.on('error', () => {
    errBroken = true;
  });
  return {
    out(text) {
      if (!outBroken) process.stdout.write(text);
    },
    err(text) {
      if (!errBroken) process.stderr.write(text);
    },
    outIsTerminal: process.stdout.isTTY === true,
    errIsTerminal: process.stderr.isTTY === true,
    inIsTerminal: process.stdin.isTTY === true,
    columns: Math.max(40, Math.min(process.stdout.columns ?? process.stderr.columns ?? 80, 120)),
    drained: () =>
      new Promise((resolve) => {
        if (outBroken || process.stdout.writableLength === 0) resolve();
        else process.stdout.write('', () => resolve());
      }),
  };
};
