/**
 * Whether a text matches a pattern in which `*` stands for any run of characters and `?` for any one (IAM User Guide,
 * wildcards). Linear in the product of both lengths, whatever the pattern.
 */
export const matchesWildcard = (pattern: string, text: string): boolean => {
  let at = 0;
  let place = 0;
  let star = -1;
  let resume = 0;
  while (place < text.length) {
    const char = pattern[at];
    if (char === '*') {
      star = at;
      resume = place;
      at += 1;
    } else if (at < pattern.length && (char === '?' || char === text[place])) {
      at += 1;
      place += 1;
    } else if (star >= 0) {
      at = star + 1;
      resume += 1;
      place = resume;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
};

/** ARN patterns: each of the six colon parts is matched for itself (IAM User Guide, ARN condition operators). */
export const matchesArn = (pattern: string, text: string): boolean => {
  const [one, other] = [partsOf(pattern), partsOf(text)];
  if (!one || !other) return false;
  return one.every((part, index) => matchesWildcard(part, other[index] as string));
};

const partsOf = (text: string): readonly string[] | null => {
  const parts = text.split(':');
  return parts.length < 6 ? null : [...parts.slice(0, 5), parts.slice(5).join(':')];
};
