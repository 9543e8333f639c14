import picocolors from 'picocolors';
import { plainStyle, type Style } from '../model/style.js';

/** Colours where the stream is a terminal and neither NO_COLOR nor --no-color says otherwise. */
export const styleFor = (wanted: boolean): Style => {
  if (!wanted) return plainStyle;
  const colours = picocolors.createColors(true);
  return {
    bold: colours.bold,
    dim: colours.dim,
    good: colours.green,
    warn: colours.yellow,
    bad: colours.red,
    name: colours.cyan,
  };
};
