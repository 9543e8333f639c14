const white = (char: string): boolean => char === ' ' || char === '\n' || char === '\r' || char === '\t';

/** Index behind the closing quote of the JSON string that begins at `start`. */
const endOfString = (text: string, start: number): number => {
  let index = start + 1;
  while (index < text.length && text[index] !== '"') index += text[index] === '\\' ? 2 : 1;
  return index + 1;
};

/**
 * The first key that stands twice in one object of a valid JSON text, or that is `__proto__`; null where there is none.
 * JSON.parse takes the last of two and tells nobody.
 */
export const duplicateKey = (text: string): string | null => {
  const open: (Set<string> | null)[] = [];
  let index = 0;
  while (index < text.length) {
    const char = text[index] as string;
    if (char === '{') open.push(new Set());
    else if (char === '[') open.push(null);
    else if (char === '}' || char === ']') open.pop();
    else if (char === '"') {
      const end = endOfString(text, index);
      let next = end;
      while (next < text.length && white(text[next] as string)) next += 1;
      const keys = open.at(-1);
      if (text[next] === ':' && keys) {
        const key = JSON.parse(text.slice(index, end)) as string;
        if (key === '__proto__' || keys.has(key)) return key;
        keys.add(key);
      }
      index = end;
      continue;
    }
    index += 1;
  }
  return null;
};

/** The text without the white space between tokens; strings stay as they are written. */
export const minified = (text: string): string => {
  const parts: string[] = [];
  let index = 0;
  while (index < text.length) {
    const char = text[index] as string;
    if (char === '"') {
      const end = endOfString(text, index);
      parts.push(text.slice(index, end));
      index = end;
      continue;
    }
    if (!white(char)) parts.push(char);
    index += 1;
  }
  return parts.join('');
};
