import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { explanationOf, explanations } from '../../src/findings/explain.js';
import { rules } from '../../src/findings/registry.js';

const source = path.resolve(import.meta.dirname, '../../src');
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

describe('the explanations', () => {
  it('know every code that stands in the source', () => {
    const unknown = files.flatMap((file) =>
      [...readFileSync(path.join(source, file), 'utf8').matchAll(/['"`](RL\d{3})['"`]/g)]
        .map((match) => match[1] as string)
        .filter((code) => explanationOf(code) === null)
        .map((code) => `${code} in ${file}`),
    );
    expect([...new Set(unknown)]).toEqual([]);
  });

  it('give each error code one meaning: one room raises it, or it is one that rooms share on purpose', () => {
    /** The same thing happens to several rooms: a file that cannot be read, an edited plan, a server that answers so. */
    const shared: Readonly<Record<string, readonly string[]>> = {
      RL603: ['cli', 'scan'],
      RL604: ['cli', 'scan'],
      RL613: ['cli', 'planner'],
      RL614: ['cli', 'planner'],
      RL615: ['cli', 'planner'],
      RL621: ['engine', 'journal'],
      RL628: ['cli', 'engine'],
      RL703: ['clients', 'steps'],
      RL705: ['clients', 'scan'],
      RL731: ['clients', 'steps'],
      RL733: ['clients', 'steps'],
      RL734: ['clients', 'steps'],
      RL806: ['cli', 'io', 'rehearsal'],
      RL811: ['engine', 'steps'],
      RL835: ['cli', 'engine'],
      RL843: ['cli', 'planner'],
      RL862: ['cli', 'journal'],
      RL863: ['engine', 'journal'],
    };
    const rooms = new Map<string, Set<string>>();
    for (const file of files) {
      const room = file.split(path.sep)[0] as string;
      if (room === 'findings') continue;
      for (const match of readFileSync(path.join(source, file), 'utf8').matchAll(
        /(?:code: |Error\(\s*|stop\(\s*|refuse\(\s*)'(RL[6-9]\d\d)'/g,
      ))
        rooms.set(match[1] as string, (rooms.get(match[1] as string) ?? new Set()).add(room));
    }
    expect(rooms.size).toBeGreaterThan(50);
    const several = [...rooms].filter(([code, found]) =>
      [...found].some((room) => found.size > 1 && !shared[code]?.includes(room)),
    );
    expect(several.map(([code, found]) => `${code}: ${[...found].join(', ')}`)).toEqual([]);
  });

  it('have one entry a code, in order, with a name of its own', () => {
    const codes = explanations.map(({ code }) => code);
    expect(codes).toEqual([...new Set(codes)].sort());
    const names = explanations.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(names.filter((name) => !/^[a-z][a-z0-9-]+$/.test(name))).toEqual([]);
  });

  it('hold every finding that the interface promises', () => {
    const promised = [
      ...Array.from({ length: 11 }, (_, index) => 101 + index),
      ...Array.from({ length: 17 }, (_, index) => 201 + index),
      ...Array.from({ length: 10 }, (_, index) => 301 + index),
      ...Array.from({ length: 7 }, (_, index) => 401 + index),
      ...Array.from({ length: 3 }, (_, index) => 501 + index),
    ].map((number) => `RL${number}`);
    const known = new Set<string>(rules.map(({ code }) => code));
    expect(promised.filter((code) => !known.has(code))).toEqual([]);
  });

  it('tell a newcomer what a finding is, how to look, and what to do', () => {
    const short = rules.filter(({ explain, remedy, says }) => {
      const sentences = explain.split(/[.:;?!](?:\s|$)/).filter((text) => text.trim().length > 0);
      return sentences.length < 3 || explain.split('\n\n').length < 3 || remedy.length < 20 || says.includes('\n');
    });
    expect(short.map(({ code }) => code)).toEqual([]);
    const noCommand = rules.filter(({ explain }) => !explain.includes('`')).map(({ code }) => code);
    expect(noCommand).toEqual([]);
  });

  it('take a code in any letter case, and know no others', () => {
    expect(explanationOf(' rl110 ')).toMatchObject({ code: 'RL110', acceptable: false, severity: 'block' });
    expect(explanationOf('RL901')).toMatchObject({ severity: null });
    expect(explanationOf('RL999')).toBeNull();
    expect(explanationOf('constructor')).toBeNull();
  });

  it('say of exactly four findings that nobody can accept them', () => {
    expect(rules.filter(({ acceptable }) => !acceptable).map(({ code }) => code)).toEqual([
      'RL110',
      'RL307',
      'RL309',
      'RL312',
    ]);
  });
});
