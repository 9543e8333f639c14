import path from 'node:path';
import { shellWord } from '../model/shell.js';

/** A folder as a person would type it: relative where it lies below the working directory, whole otherwise. */
export const shownPath = (directory: string): string => {
  const relative = path.relative(process.cwd(), directory);
  if (relative === '') return '.';
  return shellWord(relative.startsWith('..') || path.isAbsolute(relative) ? directory : relative);
};
