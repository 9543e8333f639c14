import { isAws } from '../model/aws-error.js';
import type { ReadCtx } from './step.js';
import { settled, settledRemoval } from './step-errors.js';

/** IAM shows what was written within seconds (IAM User Guide: changes are not always immediately visible). Milliseconds. */
const boundMs = 60_000;

/** A thing in IAM: how it is read (null where it is not there) and what it is called in a wait. */
export interface IamObject<T> {
  readonly what: string;
  read(): Promise<T | null>;
}

/** The thing as IAM shows it, made where it is not there; one that was made at the same moment is as good. */
export const madeInIam = async <T>(
  ctx: ReadCtx,
  { what, read }: IamObject<T>,
  create: () => Promise<unknown>,
): Promise<T> => {
  const there = await read();
  if (there !== null) return there;
  try {
    await settled(create, async () => (await read()) !== null);
  } catch (thrown) {
    // It exists, and the read that said otherwise came from a place that lags.
    if (!isAws(thrown, 'EntityAlreadyExists')) throw thrown;
  }
  return ctx.until(`IAM does not show ${what} yet`, boundMs, read);
};

/** Deletes it and waits until IAM shows it no more; false where it stays because something hangs on it. */
export const removedFromIam = async <T>(
  ctx: ReadCtx,
  { what, read }: IamObject<T>,
  remove: () => Promise<unknown>,
): Promise<boolean> => {
  const isGone = async (): Promise<boolean> => (await read()) === null;
  try {
    await settledRemoval(remove, isGone);
  } catch (thrown) {
    if (isAws(thrown, 'DeleteConflict')) return false;
    throw thrown;
  }
  await ctx.until(`IAM still shows ${what}`, boundMs, async () => ((await isGone()) ? true : null));
  return true;
};
