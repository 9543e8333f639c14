import type { ErrorCode } from '../error-codes.js';

/** RL9xx: the tool's own. */
export const toolErrors: readonly ErrorCode[] = [
  {
    code: 'RL901',
    name: 'internal-error',
    says: 'an error inside rolelift',
    explain:
      'Something happened that the program did not expect. It stopped where it was; what it had done before stands in the journal, and a run can be resumed or rolled back from there.',
    remedy:
      'Run again with --verbose and report it with what that prints, after reading it over for names that should stay private.',
  },
  {
    code: 'RL902',
    name: 'demo-failed',
    says: 'the demo did not go as it should',
    explain:
      'The demo runs the whole story on a sandbox and checks itself. It needs no cluster and no account, so this is an error of the package or of its installation.',
    remedy: 'Report it with what `rolelift demo --verbose` prints.',
  },
  {
    code: 'RL903',
    name: 'planner-without-kind',
    says: 'the planner made a step that no step kind serves',
    explain: 'The planner and the registry of step kinds do not match: an error of this version.',
    remedy: 'Report it with the inventory, if it may be shared.',
  },
  {
    code: 'RL904',
    name: 'steps-in-a-circle',
    says: 'steps depend on each other in a circle',
    explain: 'The planner could not bring the steps into an order: an error of this version.',
    remedy: 'Report it with the inventory, if it may be shared.',
  },
];
