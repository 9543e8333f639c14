/** An error that a person can meet: RL6xx input, RL7xx access, RL8xx run, RL9xx the tool's own. */
export interface ErrorCode {
  readonly code: `RL${number}`;
  readonly name: string;
  /** One line. */
  readonly says: string;
  /** Paragraphs: what it is, why, how to look, what to do. */
  readonly explain: string;
  readonly remedy: string;
}

export const errorCodes: readonly ErrorCode[] = [
  {
    code: 'RL901',
    name: 'internal-error',
    says: 'an error inside rolelift',
    explain: `Something happened that the program did not expect. It stopped where it was; what it had done before stands in the journal, and a run can be resumed or rolled back from there.

Run the same command again with --verbose. If it happens again, report it with what that prints, after reading it over for names that should stay private.`,
    remedy: 'Run again with --verbose and report it with what that prints.',
  },
];
