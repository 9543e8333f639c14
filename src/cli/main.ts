#!/usr/bin/env node
import { version } from './version.js';

const argv = process.argv.slice(2);

/** What is printed without reading any other option: the version, and the help at the width that it has outside a wide terminal. */
const ready = async (): Promise<string | null> => {
  const [first = '--help', ...more] = argv;
  if (more.length > 0) return null;
  if (first === '--version') return `${version()}\n`;
  const interactive = argv.length === 0 && process.stdin.isTTY === true && process.stderr.isTTY === true;
  if ((first !== '--help' && first !== '-h') || interactive || (process.stdout.isTTY && process.stdout.columns !== 80))
    return null;
  return (await import('./help-text.js')).helpText;
};

// The parser of commands takes as long to load as a third of Node itself: these answers do not wait for it.
const text = await ready();
if (text === null) {
  const { main } = await import('./program.js');
  await main(argv);
} else {
  // A reader that went away ends the output, and nothing else.
  process.stdout.on('error', () => undefined);
  process.stdout.write(text);
}
