import path from 'node:path';

/** A word as a POSIX shell takes it literally. */
export const shellWord = (text: string): string =>
  /^[A-Za-z0-9@%+=:,./_-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** A folder as a person would type it: relative where it lies below the working directory, whole otherwise. */
export const shownPath = (directory: string): string => {
  const relative = path.relative(process.cwd(), directory);
  if (relative === '') return '.';
  return shellWord(relative.startsWith('..') || path.isAbsolute(relative) ? directory : relative);
};
