import { accessErrors } from './errors/access-errors.js';
import { courseErrors } from './errors/course-errors.js';
import { inputErrors } from './errors/input-errors.js';
import { runErrors } from './errors/run-errors.js';
import { stepErrors } from './errors/step-errors.js';
import { toolErrors } from './errors/tool-errors.js';

/** An error or a notice that a person can meet: RL6xx input, RL7xx access, RL8xx run, RL9xx the tool's own. */
export interface ErrorCode {
  readonly code: `RL${number}`;
  readonly name: string;
  /** One line. */
  readonly says: string;
  /** What it is, why, how to look. */
  readonly explain: string;
  readonly remedy: string;
}

/** Every code beyond the findings', in order. */
export const errorCodes: readonly ErrorCode[] = [
  ...inputErrors,
  ...accessErrors,
  ...runErrors,
  ...stepErrors,
  ...courseErrors,
  ...toolErrors,
];
