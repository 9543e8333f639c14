import { isAws } from '../model/aws-error.js';
import { type Code, RoleliftError } from '../model/error.js';
import type { Subject } from '../model/resource.js';

/** Codes that steps raise, with what each means: `explain` reads this table. */
export const stepErrors = {
  RL610: 'The parameters of a step are not those of its kind.',
  RL822: 'The admission preview shows that a new pod would not get the wanted variables.',
  RL823: 'Pods stay without the wanted variables although they were recreated a bounded number of times.',
  RL824: 'Somebody else changed what this step is about to write, or has written.',
  RL825: 'The object that this step writes is not there.',
  RL826: 'An object of this name exists and is not ours.',
  RL827: 'The trust policy cannot take the statement: too large, not readable, or IAM would not take it back.',
  RL828: 'The service account is bound to another role by a Pod Identity association.',
  RL829: 'The update of an EKS add-on failed.',
  RL830: 'A pod does not have the identity that it should have.',
  RL871: 'Pods still carry the new identity and cannot be replaced by rolelift.',
  RL872: 'STS did not accept the service account token for the role.',
  RL873: 'After the policy left the node role nodes lost what they need; it was attached again.',
  RL874: 'Others changed the same object again and again while this step tried to write it.',
  RL875: 'The first node with the new role gives new pods no addresses.',
  RL876: 'The new role would not serve the service account: it, its trust or its policies are not as they must be.',
} as const satisfies Partial<Record<Code, string>>;

export type StepErrorCode = keyof typeof stepErrors;

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
