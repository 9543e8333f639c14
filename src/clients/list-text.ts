/** In a server's own JSON the type stands directly before the set; inside a text its quotes would be escaped. */
const needle = Buffer.from('"fieldsType":"FieldsV1","fieldsV1":');

const quote = 34;
const backslash = 92;
const openBrace = 123;
const closeBrace = 125;

/**
 * The JSON of a list without the field sets of `managedFields`, which are half of what a real list weighs and which nobody here
 * reads: each becomes `{}`. Managers keep their names. Texts that only look alike, and sets of any other form, stay as they are.
 * Works on UTF-8 and in the buffer given, before anything is decoded: no byte of a longer character looks like a quote or a brace.
 */
export const withoutFieldSets = (bytes: Buffer): Buffer => {
  let found = bytes.indexOf(needle);
  let from = 0;
  let to = 0;
  while (found >= 0) {
    const start = found + needle.length;
    const end = bytes[start] === openBrace ? endOfObject(bytes, start) : -1;
    if (end > 0) {
      if (to < from) bytes.copyWithin(to, from, start);
      to += start - from;
      bytes[to] = openBrace;
      bytes[to + 1] = closeBrace;
      to += 2;
      from = end;
    }
    found = bytes.indexOf(needle, Math.max(end, start));
  }
  if (from === 0) return bytes;
  bytes.copyWithin(to, from);
  return bytes.subarray(0, to + bytes.length - from);
};

/** Index behind the object that begins at `start`; -1 where it does not end. */
const endOfObject = (bytes: Buffer, start: number): number => {
  const length = bytes.length;
  let depth = 0;
  for (let at = start; at < length; at += 1) {
    const code = bytes[at];
    if (code === quote) {
      at += 1;
      while (at < length && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1;
    } else if (code === openBrace) depth += 1;
    else if (code === closeBrace) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
};
