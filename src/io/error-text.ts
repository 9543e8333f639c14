import type { ErrorData } from '../model/error.js';
import { subjectTitle } from '../model/resource.js';
import type { Style } from '../model/style.js';
import { visible, wrap } from '../model/text.js';

/** An error as four short lines at most: what happened, to what, why, what to do. */
export const errorText = (error: ErrorData, style: Style, width: number, beside?: ErrorData): string => {
  const line = (label: string, text: string): string =>
    text === ''
      ? ''
      : `\n  ${style.dim(label)} ${wrap(visible(text), width - label.length - 3, ' '.repeat(label.length + 3))}`;
  const head = `${style.bad('error')} ${style.bold(error.code)} ${wrap(visible(error.message), width - 12, '      ')}`;
  const about =
    error.subject === null || error.message.includes(error.subject.name)
      ? ''
      : line('about:', subjectTitle(error.subject));
  const text = `${head}${about}${line('why:', error.cause)}${line('do: ', error.remedy)}`;
  return beside === undefined ? text : `${text}\n${style.dim('and beside it')}\n${errorText(beside, style, width)}`;
};
