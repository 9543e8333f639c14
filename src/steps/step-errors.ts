import { isAws } from '../model/aws-error.js';
import { type Code, RoleliftError } from '../model/error.js';
import type { Subject } from '../model/resource.js';

/** Codes that steps raise. */
type StepErrorCode =
  | 'RL610'
  | 'RL822'
  | 'RL823'
  | 'RL824'
  | 'RL825'
  | 'RL826'
  | 'RL827'
  | 'RL828'
  | 'RL829'
  | 'RL830'
  | 'RL871'
  | 'RL872'
  | 'RL873'
  | 'RL874'
  | 'RL875'
  | 'RL876';

export const stepError = (
  code: StepErrorCode,
  message: string,
  facts: {
    readonly cause?: string;
    readonly remedy: string;
    readonly subject?: Subject | null;
    readonly fault?: 'user' | 'remote' | 'tool';
    readonly because?: unknown;
  },
): RoleliftError =>
  new RoleliftError(
    {
      code,
      message,
      subject: facts.subject ?? null,
      ...(facts.cause === undefined ? {} : { cause: facts.cause }),
      remedy: facts.remedy,
      fault: facts.fault ?? 'remote',
    },
    facts.because === undefined ? {} : { because: facts.because },
  );

/** Whether something thrown is a RoleliftError with one of these codes. */
export const hasCode = (thrown: unknown, ...codes: readonly Code[]): thrown is RoleliftError =>
  thrown instanceof RoleliftError && codes.includes(thrown.data.code);

/** IAM and EKS say by these names that a thing is not there. */
export const isGone = (thrown: unknown): boolean =>
  isAws(thrown, 'NoSuchEntity', 'ResourceNotFound', 'NotFound') || hasCode(thrown, 'RL733');

/** The answer, or null where AWS says that the thing is not there. */
export const orNull = async <T>(asked: Promise<T>): Promise<T | null> => {
  try {
    return await asked;
  } catch (thrown) {
    if (isGone(thrown)) return null;
    throw thrown;
  }
};

/**
 * Does a write, and where its answer is an error asks whether what it wanted holds all the same: an answer that was lost on
 * the way, or a thing that somebody made at the same moment, is settled by observing, never by guessing.
 */
export const settled = async (write: () => Promise<unknown>, holds: () => Promise<boolean>): Promise<void> => {
  try {
    await write();
  } catch (thrown) {
    let there = false;
    try {
      there = await holds();
    } catch {
      throw thrown;
    }
    if (!there) throw thrown;
  }
};

/** The same for a removal: what is gone already need not be removed. */
export const settledRemoval = async (remove: () => Promise<unknown>, isOver: () => Promise<boolean>): Promise<void> => {
  try {
    await settled(remove, isOver);
  } catch (thrown) {
    if (!isGone(thrown)) throw thrown;
  }
};
