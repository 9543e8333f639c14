/**
 * Text from clusters, files and AWS is untrusted: control characters, escape sequences and direction marks are written out as
 * `\u{1b}`, so that they are seen and do nothing. Line breaks too: one value stays on one line.
 */
export const visible = (text: string): string =>
  // Controls (C0, C1), soft hyphen, bidirectional and zero-width marks, line separators, tags, unpaired surrogates.
  text.replace(
    /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu,
    (found) => `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`,
  );

/**
 * JSON text that says the same and does nothing to a terminal: JSON escapes C0 controls only, and C1 controls (U+009B begins escape
 * sequences) and direction marks may stand in it as they are.
 */
export const quietJson = (text: string): string =>
  text.replace(
    /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** At most that many characters, with an ellipsis in the middle of what is cut: ends of names tell most. */
export const shorten = (text: string, width: number): string => {
  if (text.length <= width) return text;
  if (width <= 1) return text.slice(0, Math.max(0, width));
  const head = Math.ceil((width - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (width - 1 - head))}`;
};

/** Words in lines of at most that width, not counting the indent that every line but the first begins with. Long words stand alone. */
export const wrap = (text: string, width: number, indent = ''): string => {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((each) => each !== '')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '') lines.push(line);
  return lines.map((each, index) => (index === 0 ? each : indent + each)).join('\n');
};

/** `1 move`, `2 moves`. */
export const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** Milliseconds as people say them: `450 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`. */
export const duration = (ms: number): string => {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
};
