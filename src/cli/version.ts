import { readFileSync } from 'node:fs';

/** Version of this package, as package.json beside the built code says. */
export const version = (): string => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
};
export const toolName = (): string => `rolelift ${version()}`;
