/** An answer of refusal, as one of the AWS protocols will spell it. */
export class AwsFault extends Error {
  override readonly name = 'AwsFault';
  /** Canonical code without `Exception`, except where the wire carries it (EKS). */
  readonly code: string;
  readonly status: number;
  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export const noSuchEntity = (what: string): AwsFault => new AwsFault('NoSuchEntity', 404, what);
export const accessDenied = (message: string): AwsFault => new AwsFault('AccessDenied', 403, message);
export const malformed = (message: string): AwsFault => new AwsFault('MalformedPolicyDocument', 400, message);
export const invalid = (message: string): AwsFault => new AwsFault('ValidationError', 400, message);
