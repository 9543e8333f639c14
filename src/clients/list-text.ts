/** In a server's own JSON the type stands directly before the set; inside a text its quotes would be escaped. */
const needle = '"fieldsType":"FieldsV1","fieldsV1":';

/**
 * The JSON of a list without the field sets of `managedFields`, which are half of what a real list weighs and which nobody here
 * reads: each becomes `{}`. Managers keep their names. Texts that only look alike, and sets of any other form, stay as they are.
 */
export const withoutFieldSets = (text: string): string => {
  let found = text.indexOf(needle);
  if (found < 0) return text;
  const parts: string[] = [];
  let from = 0;
  while (found >= 0) {
    const start = found + needle.length;
    const end = text.charCodeAt(start) === openBrace ? endOfObject(text, start) : -1;
    if (end > 0) {
      parts.push(text.slice(from, start), '{}');
      from = end;
    }
    found = text.indexOf(needle, Math.max(end, start));
  }
  parts.push(text.slice(from));
  return parts.join('');
};

const quote = 34;
const backslash = 92;
const openBrace = 123;
const closeBrace = 125;

/** Index behind the object that begins at `start`; -1 where it does not end. */
const endOfObject = (text: string, start: number): number => {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = endOfText(text, at);
      if (at < 0) return -1;
    } else if (code === openBrace) depth += 1;
    else if (code === closeBrace) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
};

/** Index of the quote that ends the text which begins with the quote at `start`; -1 where none does. */
const endOfText = (text: string, start: number): number => {
  let end = text.indexOf('"', start + 1);
  while (end >= 0) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes += 1;
    if (slashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return -1;
};
