/** Refusals of a signature for its time (SDK reference, clock skew). They come before anything is carried out. */
const skewNames: ReadonlySet<string> = new Set([
  'AuthFailure',
  'InvalidSignatureException',
  'RequestExpired',
  'RequestInTheFuture',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
]);

interface Refusal {
  readonly name?: string;
  readonly Code?: string;
  readonly $metadata?: { readonly clockSkewCorrected?: boolean };
}

/**
 * Sends once more where the server refused our signature's time: the SDK has taken the right time from that answer by then, and its
 * own retries, which would use it, are off. So the clock of the machine decides nothing (AWS refuses five minutes of difference).
 */
export const signedAnew = async <T>(send: () => Promise<T>): Promise<T> => {
  try {
    return await send();
  } catch (thrown) {
    const { name, Code, $metadata } = (thrown ?? {}) as Refusal;
    const skewed = skewNames.has(name ?? '') || skewNames.has(Code ?? '');
    if (!skewed || $metadata?.clockSkewCorrected !== true) throw thrown;
    return send();
  }
};
