import { parseAllDocuments } from 'yaml';
import { isObject, type Json, type JsonObject } from '../model/json.js';

/** Documents of one file; a document that cannot be used stands as a problem in its place. */
export type Parsed =
  | { readonly is: 'document'; readonly value: Json }
  | { readonly is: 'problem'; readonly line: number; readonly reason: string };

/** Deepest nesting that is read; Kubernetes' own objects need some twenty levels. */
const deepest = 100;
/** Values of one document, aliases counted as often as they are used. */
const mostValues = 1_000_000;
/** Documents of one file. */
const mostDocuments = 20_000;

export const notRendered = 'a template that was not rendered';
const template = /\{\{-?[^\n]*?\}\}/;

/** Levels of brackets and of compact list markers, without reading quotes: an upper bound for what a parser would nest. */
const nestingOf = (text: string): number => {
  let open = 0;
  let most = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === 0x5b || code === 0x7b) {
      open += 1;
      if (open > most) most = open;
    } else if ((code === 0x5d || code === 0x7d) && open > 0) open -= 1;
  }
  return most;
};
const compactNesting = /^(?:[ ]*[-?:][ ]){100}/m;

/** Why a value may not be used; null where it may. Circles and exploding aliases end at the bounds. */
const objection = (value: unknown): string | null => {
  let count = 0;
  const visit = (here: unknown, depth: number): string | null => {
    count += 1;
    if (count > mostValues) return `more than ${mostValues} values`;
    if (depth > deepest) return `nested more than ${deepest} levels deep`;
    if (typeof here !== 'object' || here === null) return null;
    if (Array.isArray(here)) {
      for (const item of here) {
        const found = visit(item, depth + 1);
        if (found !== null) return found;
      }
      return null;
    }
    for (const [key, item] of Object.entries(here)) {
      if (key === '__proto__') return 'it holds a key __proto__';
      // What `name: {{ .Release.Name }}` is to a YAML parser: a map whose only key is a map.
      if (item === null && key.startsWith('{ ')) return notRendered;
      const found = visit(item, depth + 1);
      if (found !== null) return found;
    }
    return null;
  };
  return visit(value, 0);
};

const problem = (line: number, reason: string): Parsed => ({ is: 'problem', line, reason });

/** First key that an object of a JSON text holds twice; null for none. JSON.parse would silently take the last. */
const duplicateKey = (text: string): string | null => {
  const stack: (Set<string> | null)[] = [];
  const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs;
  let last = '';
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found] = match;
    if (found === '{') stack.push(new Set());
    else if (found === '[') stack.push(null);
    else if (found === '}' || found === ']') stack.pop();
    else if (found === ':') {
      const keys = stack.at(-1);
      if (keys != null) {
        if (keys.has(last)) return last;
        keys.add(last);
      }
    } else if (found !== ',') last = found;
  }
  return null;
};

const parseJson = (text: string): readonly Parsed[] => {
  if (nestingOf(text) > deepest * 3) return [problem(1, `nested more than ${deepest} levels deep`)];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    return [problem(1, template.test(text) ? notRendered : `not JSON: ${(thrown as Error).message}`)];
  }
  const wrong = objection(value);
  if (wrong !== null) return [problem(1, wrong)];
  const twice = duplicateKey(text);
  return [
    twice === null
      ? { is: 'document', value: value as Json }
      : problem(1, `the key ${twice.slice(0, 100)} stands twice in one object`),
  ];
};

/** Reads the documents of a YAML or JSON text. Nothing is executed, no tag makes anything, no input takes unbounded time. */
export const parseManifest = (text: string, json: boolean): readonly Parsed[] => {
  const bare = text.startsWith('\uFEFF') ? text.slice(1) : text;
  if (json) return parseJson(bare);
  // Templates with control structures do not parse; where they do by chance, their lists and maps are wrong.
  if (/^[ \t-]*\{\{-?[ ]*(?:if|range|with|end|define|include|template|else)\b/m.test(bare))
    return [problem(1, notRendered)];
  const parts = splitDocuments(bare);
  if (parts.length > mostDocuments) return [problem(1, `more than ${mostDocuments} documents`)];
  return parts.flatMap(({ line, body }) => parseOne(body, line));
};

/** Documents with the line on which each begins; a problem in one does not spoil the others. */
const splitDocuments = (text: string): readonly { readonly line: number; readonly body: string }[] => {
  const found: { line: number; body: string }[] = [];
  let start = 0;
  let line = 1;
  let lineOfStart = 1;
  const marker = /^---(?=[ \t\r\n]|$)|^\.\.\.[ \t]*\r?$/gm;
  const push = (end: number): void => {
    const body = text.slice(start, end);
    if (body.trim() !== '') found.push({ line: lineOfStart, body });
  };
  for (let match = marker.exec(text); match !== null; match = marker.exec(text)) {
    push(match.index);
    line += count(text, start, match.index);
    start = match.index + match[0].length;
    lineOfStart = line;
  }
  push(text.length);
  return found;
};
const count = (text: string, from: number, to: number): number => {
  let lines = 0;
  for (let index = text.indexOf('\n', from); index >= 0 && index < to; index = text.indexOf('\n', index + 1))
    lines += 1;
  return lines;
};

const parseOne = (body: string, line: number): readonly Parsed[] => {
  if (nestingOf(body) > deepest * 3 || compactNesting.test(body))
    return [problem(line, `nested more than ${deepest} levels deep`)];
  try {
    const documents = parseAllDocuments(body, {
      schema: 'core',
      uniqueKeys: true,
      logLevel: 'silent',
      prettyErrors: false,
    });
    if (!Array.isArray(documents)) return [];
    return documents.map((document): Parsed => {
      const error = document.errors[0];
      if (error !== undefined) return problem(line, template.test(body) ? notRendered : `not YAML: ${error.message}`);
      const warning = document.warnings.find(({ code }) => code === 'TAG_RESOLVE_FAILED');
      if (warning !== undefined) return problem(line, `a tag that is not known: ${warning.message}`);
      const value: unknown = document.toJS({ maxAliasCount: 100 });
      const wrong = objection(value);
      return wrong === null ? { is: 'document', value: value as Json } : problem(line, wrong);
    });
  } catch (thrown) {
    const reason =
      thrown instanceof ReferenceError
        ? 'aliases that would explode'
        : thrown instanceof RangeError
          ? `nested more than ${deepest} levels deep`
          : `not YAML: ${(thrown as Error).message}`;
    return [problem(line, reason)];
  }
};

/** Objects of a document: itself, or the items of a List. */
export const objectsOf = (value: Json): readonly JsonObject[] => {
  const found: JsonObject[] = [];
  const queue: { readonly value: Json; readonly kind: string; readonly apiVersion: string }[] = [
    { value, kind: '', apiVersion: '' },
  ];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (Array.isArray(next.value)) {
      for (const item of next.value) queue.push({ ...next, value: item });
      continue;
    }
    if (!isObject(next.value)) continue;
    const kind = typeof next.value['kind'] === 'string' ? next.value['kind'] : next.kind;
    const apiVersion = typeof next.value['apiVersion'] === 'string' ? next.value['apiVersion'] : next.apiVersion;
    if (kind.endsWith('List') && Array.isArray(next.value['items'])) {
      const inner = kind === 'List' ? { kind: '', apiVersion: '' } : { kind: kind.slice(0, -4), apiVersion };
      for (const item of next.value['items']) queue.push({ ...inner, value: item as Json });
    } else if (kind !== '' && apiVersion !== '') found.push({ ...next.value, kind, apiVersion });
  }
  return found;
};
