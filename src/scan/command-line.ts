import { type JsonObject, listAt } from '../model/json.js';
import { oncePer } from '../model/once-per.js';

/** A container's command line, split into words: what stands in command and args, shell scripts opened up. */
export const wordsOf = (container: JsonObject): readonly string[] =>
  [...listAt(container, 'command'), ...listAt(container, 'args')].flatMap((part) => {
    if (typeof part !== 'string') return [];
    return /\s/.test(part) ? splitWords(part) : [part];
  });

/** Words of a shell-like line: quotes group, a backslash before a line end joins; nothing is expanded. */
export const splitWords = (line: string): readonly string[] =>
  [
    ...line
      .slice(0, 65_536)
      .replaceAll('\\\n', ' ')
      .matchAll(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g),
  ].map(([word]) => word.replaceAll(/["']/g, ''));

/** Flags that take no value (kiam: cmd/kiam; kube2iam: cmd/main.go). */
const switches = new Set([
  'iptables',
  'iptables-remove',
  'role-base-arn-autodetect',
  'disable-strict-namespace-regexp',
  'allow-ip-query',
  'json-log',
  'namespace-restrictions',
  'auto-discover-base-arn',
  'auto-discover-default-role',
  'use-regional-sts-endpoint',
  'resolve-duplicate-cache-ips',
  'insecure',
  'verbose',
  'debug',
  'version',
  'watch-config-map',
  'compose-role-arn',
  'in-cluster',
  'sts-regional-endpoint',
]);

export interface CommandLine {
  /** Flags by name without dashes; a flag without value is `true`, `--no-x` is x = `false`. */
  readonly flags: Readonly<Record<string, string>>;
  /** Words that are no flags, in order. */
  readonly words: readonly string[];
}

/** Reads `--flag=value`, `--flag value`, `-flag` and `--no-flag`. The last of several equal flags counts, as in both parsers. */
export const parseCommandLine = (words: readonly string[]): CommandLine => {
  const flags = new Map<string, string>();
  const rest: string[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] as string;
    const match = /^--?([A-Za-z][\w.-]*)(?:=(.*))?$/s.exec(word);
    if (match === null) {
      rest.push(word);
      continue;
    }
    const [, name, value] = match as unknown as [string, string, string | undefined];
    const next = words[index + 1];
    if (value !== undefined) flags.set(name, value);
    else if (name.startsWith('no-') && switches.has(name.slice(3))) flags.set(name.slice(3), 'false');
    else if (switches.has(name) || next === undefined || next.startsWith('--')) flags.set(name, 'true');
    else {
      flags.set(name, next);
      index += 1;
    }
  }
  return { flags: Object.fromEntries([...flags].sort(([left], [right]) => (left < right ? -1 : 1))), words: rest };
};

/** What a container's command line says; several readers ask it of each template. */
export const commandLineOf = oncePer((container: JsonObject): CommandLine => parseCommandLine(wordsOf(container)));
