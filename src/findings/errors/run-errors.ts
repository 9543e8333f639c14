import type { ErrorCode } from '../error-codes.js';

/** RL800 to RL819: a run and its journal; some are notices. */
export const runErrors: readonly ErrorCode[] = [
  {
    code: 'RL800',
    name: 'where-it-runs',
    says: 'cluster, account and caller of this run',
    explain: 'A notice: before its first question a run shows where it is about to change things, and as whom.',
    remedy: 'Nothing, if it is what you meant; else stop.',
  },
  {
    code: 'RL801',
    name: 'not-rehearsed',
    says: 'this plan was not rehearsed, or its rehearsal was of another plan',
    explain:
      'A notice. `rolelift rehearse PLAN` plays the plan and its rollback on a twin of the estate, with interruptions, and needs no permission.',
    remedy: 'Rehearse the plan before it is applied.',
  },
  {
    code: 'RL802',
    name: 'run-not-noted',
    says: 'this run could not be noted in the cluster',
    explain: 'A notice: `rolelift runs` will not know this run. The run itself goes on; its journal is what counts.',
    remedy: 'Grant get, create and update on ConfigMaps in the namespace of the list, if others are to find the run.',
  },
  {
    code: 'RL803',
    name: 'marked-and-left',
    says: 'something that carries our marks is left as it is by rollback --from-live',
    explain:
      'A rollback without a journal knows only what the marks on live objects tell. What they do not tell (an old value that was replaced, an annotation that was taken away) it cannot put back, and says so.',
    remedy: 'Put it back by hand, or find the run with `rolelift runs` and roll back from its journal.',
  },
  {
    code: 'RL806',
    name: 'stopped-before-changes',
    says: 'stopped before anything was changed',
    explain: 'The command was interrupted while reading, or the question was answered with no.',
    remedy: 'Run the same command again when you want to.',
  },
  {
    code: 'RL810',
    name: 'journal-not-written',
    says: 'the journal could not be written',
    explain:
      'Each intent is written before its effect. The write failed (a full disk, a lost permission, a store that does not answer), so the run stopped before the next effect: nothing was changed that the journal does not tell.',
    remedy: 'Make room or restore access, and run the same command again.',
  },
  {
    code: 'RL811',
    name: 'waited-in-vain',
    says: 'something did not come within its bound',
    explain:
      'Changes take time to be seen, and rollouts to finish. Rolelift waits with a bound and says for what; it was not reached. Nothing is lost: the state is in the journal.',
    remedy: 'Look at why it takes so long; the same command goes on from here.',
  },
  {
    code: 'RL812',
    name: 'journal-changed-underneath',
    says: 'the journal was replaced or written by somebody else during the run',
    explain:
      'The file that the run had open is no longer the one at its path, or it has grown by other hands. Two runs on one journal would lose track of each other, so this one stopped.',
    remedy: 'Restore the journal, see that nobody else runs, and run the same command again.',
  },
  {
    code: 'RL813',
    name: 'file-not-written',
    says: 'a file of the plan directory could not be written',
    explain: 'Files are written whole or not at all; what stood there is unchanged.',
    remedy: 'Make room or restore the permission, and run the same command again.',
  },
  {
    code: 'RL814',
    name: 'another-run-writes',
    says: 'another run writes the same journal',
    explain: 'In a shared store (s3://…) the next line was there already and is not ours.',
    remedy: 'Find the other run with `rolelift runs` and wait for its end.',
  },
  {
    code: 'RL815',
    name: 'journal-not-opened',
    says: 'the plan directory, its journal or its lock cannot be opened',
    explain: 'A permission is missing, or the directory is gone. Nothing was run.',
    remedy: 'Restore the directory and its permissions, and run the same command again.',
  },
  {
    code: 'RL816',
    name: 'runs-not-written',
    says: 'the list of runs in the cluster could not be written',
    explain: 'The ConfigMap rolelift-runs tells others of this run. Several writers met, again and again.',
    remedy: 'Run the same command again.',
  },
];
