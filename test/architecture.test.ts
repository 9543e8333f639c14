import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

/** The floors of the house, lowest first: a room may import from lower floors and from itself only. */
const floors: readonly (readonly string[])[] = [
  ['model'],
  ['journal', 'clients', 'io'],
  ['trust'],
  ['identity'],
  ['report', 'scan'],
  ['findings', 'steps', 'sandbox'],
  ['planner', 'engine'],
  ['rehearsal', 'verify', 'handoff', 'permissions'],
  ['cli'],
];
const floorOf = (room: string): number => floors.findIndex((rooms) => rooms.includes(room));
const source = path.resolve(import.meta.dirname, '../src');

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const imports = files.flatMap((file) => {
  const text = readFileSync(path.join(source, file), 'utf8');
  return [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((match) => ({ file, to: match[1] as string }));
});

describe('the walls between the rooms', () => {
  it('reads the source', () => {
    expect(imports.length).toBeGreaterThan(20);
  });

  it('lets no import run to the same or a higher floor', () => {
    const wrong = imports.filter(({ file, to }) => {
      if (!to.startsWith('.')) return false;
      const from = file.split(path.sep)[0] as string;
      const room = path.relative(source, path.resolve(source, path.dirname(file), to)).split(path.sep)[0] as string;
      if (from === room || floorOf(from) < 0 || floorOf(room) < 0) return false;
      return floorOf(room) >= floorOf(from);
    });
    expect(wrong).toEqual([]);
  });

  it('keeps the sandbox from the rooms that it judges', () => {
    const wrong = imports.filter(({ file, to }) => {
      if (!file.startsWith('sandbox') || !to.startsWith('.')) return false;
      const room = path.relative(source, path.resolve(source, path.dirname(file), to)).split(path.sep)[0] as string;
      return room !== 'sandbox' && room !== 'model';
    });
    expect(wrong).toEqual([]);
  });

  it('leaves process.exit to the command line', () => {
    const wrong = files.filter(
      (file) => !file.startsWith('cli') && /\bprocess\.exit\(/.test(readFileSync(path.join(source, file), 'utf8')),
    );
    expect(wrong).toEqual([]);
  });
});
