import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';

const made: string[] = [];
afterAll(() => {
  for (const each of made.splice(0)) rmSync(each, { recursive: true, force: true });
});

/** A temporary folder that goes with the whole file, not with one test. */
export const lasting = (): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'rolelift-story-'));
  made.push(folder);
  return folder;
};
