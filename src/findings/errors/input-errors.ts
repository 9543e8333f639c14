import type { ErrorCode } from '../error-codes.js';

/** RL6xx: what was given to the tool. */
export const inputErrors: readonly ErrorCode[] = [
  {
    code: 'RL600',
    name: 'wrong-usage',
    says: 'the command line was not understood',
    explain:
      'A command, an option or its value is not known, or something that is needed is missing. With --json this is told as a document like every other error; else in one line.',
    remedy: 'rolelift COMMAND --help lists the options with examples.',
  },
  {
    code: 'RL601',
    name: 'needs-an-answer',
    says: 'a question needs an answer, and there is no terminal to ask at',
    explain:
      'Some commands ask before they change anything. Without a terminal (in a pipeline, a cron job) nobody can answer, and rolelift never takes silence for a yes. The message names the option that answers this very question.',
    remedy: 'Give the option that the message names, for example --yes.',
  },
  {
    code: 'RL602',
    name: 'no-plan-there',
    says: 'there is no plan at the path that was given',
    explain:
      'A plan is a directory that `rolelift plan` has written (or its plan.json). At this path there is neither. Check for a typing error and for the directory that you are in: `ls plans` lists the usual place.',
    remedy: 'Name a plan directory, as plans/prod, or make one with rolelift plan.',
  },
  {
    code: 'RL603',
    name: 'file-unreadable',
    says: 'a file of the plan, an inventory or another input cannot be read',
    explain:
      'The file exists perhaps, but this user cannot open it, or it is not a plain file. Plan directories are made readable for their owner only. `ls -l` on the path shows the owner and the permissions.',
    remedy: 'Check the path and its permissions; run as the user who made the plan.',
  },
  {
    code: 'RL604',
    name: 'not-json',
    says: 'a file is not JSON',
    explain: `The file was cut off or edited by hand. Nothing was done with it. \`node -e "JSON.parse(require('fs').readFileSync('FILE'))"\` or \`jq . FILE\` shows the place of the error.`,
    remedy: 'Restore the file from a backup or version control, or plan again.',
  },
  {
    code: 'RL605',
    name: 'no-such-code',
    says: 'there is no code of this number',
    explain:
      '`rolelift explain` tells findings (RL1xx to RL5xx) and errors (RL6xx to RL9xx) of this version. The number that was asked for is none of them; it may belong to a newer version.',
    remedy: 'Run `rolelift explain` without a code: it lists all.',
  },
  {
    code: 'RL606',
    name: 'options-exclude-each-other',
    says: 'two options cannot be given together, or one is missing its partner',
    explain:
      'The command line asks for two things at once of which only one can be done, or gives an option that has no meaning here. Nothing was done. The message names the options.',
    remedy: 'Give one of them; `rolelift COMMAND --help` lists what belongs together.',
  },
  {
    code: 'RL607',
    name: 'unknown-shell',
    says: 'there is no completion for this shell',
    explain: 'Completion scripts exist for bash, zsh and fish.',
    remedy: 'Name bash, zsh or fish.',
  },
  {
    code: 'RL608',
    name: 'nothing-to-undo-named',
    says: 'it was not said which plan is to be undone',
    explain:
      'A rollback needs to know its run: by the plan directory, by a run that the cluster knows (`--run ID`), or, as a last resort, by the marks on the live objects (`--from-live`). `rolelift runs` lists what the cluster knows.',
    remedy: 'Name a plan directory, --run ID, or --from-live.',
  },
  {
    code: 'RL609',
    name: 'journal-place',
    says: 'where the journal shall live was not said, or cannot be a place',
    explain:
      'Outside the sandbox a run needs to know where its journal lives: whoever is on call may not have this machine, and a journal that only a laptop holds is lost to them. The same goes for the lock, which is NAMESPACE/NAME.',
    remedy:
      'Give --state s3://bucket/prefix, or --state local if that is what you want; --lock NAMESPACE/NAME or none.',
  },
  {
    code: 'RL610',
    name: 'step-parameters-wrong',
    says: 'the parameters of a step are not those of its kind',
    explain:
      'Every step kind has its own parameters, and a plan is read strictly: an unknown, missing or badly formed one is refused before anything runs. The message names the path inside the step. It happens when a plan was edited, or was made by another version.',
    remedy: 'Undo the edit, or make the plan again with this version.',
  },
  {
    code: 'RL611',
    name: 'plan-format-unknown',
    says: 'the file is no plan, or one of another format',
    explain:
      'Its `format` is not `rolelift.plan/1`. A plan of a newer format is not read on a guess, because a wrong guess would change a live estate.',
    remedy: 'Use the version of rolelift that made the plan, or plan again.',
  },
  {
    code: 'RL612',
    name: 'plan-invalid',
    says: 'a field of the plan is missing or has the wrong form',
    explain:
      'The plan does not have the form that its JSON Schema tells. The message names the path of the first thing that is wrong. Nothing was run.',
    remedy: 'Undo the edit, or plan again.',
  },
  {
    code: 'RL613',
    name: 'plan-edited',
    says: 'the plan was edited',
    explain:
      'The digest of the plan does not fit its content, so something beyond `skip` and `note` was changed since it was made. The digest guards against accidents: a reviewed plan and the plan that runs shall be the same. The message names the path that differs, where that can be told.',
    remedy: 'Undo the edit, check it anew with `rolelift plan --reseal PLAN`, or plan again.',
  },
  {
    code: 'RL614',
    name: 'plan-references-broken',
    says: 'moves, steps or findings of the plan do not fit together',
    explain:
      'A step depends on one that is not there or comes later, two have one id, a move names a step of another. A run in such an order could take something away too early, so it is refused. The message names the path.',
    remedy: 'Undo the edit, or plan again.',
  },
  {
    code: 'RL615',
    name: 'plan-reaches-out',
    says: 'the plan names something beyond its own cluster and accounts',
    explain:
      'A name, an account or an ARN in it belongs to something that the plan is not about. A plan is never trusted to reach further than what was scanned and reviewed.',
    remedy: 'Find out who edited the plan; plan again.',
  },
  {
    code: 'RL616',
    name: 'skip-not-allowed',
    says: '`skip` stands where nothing may be skipped',
    explain:
      'Moves and leaf steps may be skipped. A gate, a proof or a trust step may not, nor a step on which others depend: skipping them would let later steps run without what protects them.',
    remedy: 'Skip the whole move instead, or take the mark away.',
  },
  {
    code: 'RL617',
    name: 'plan-options-invalid',
    says: 'the options that the plan was made with cannot be read',
    explain:
      'The plan keeps the options that shaped it, so that it can be planned anew from a fresh scan. One of them has a value that this version does not know.',
    remedy: 'Plan again with the options that you want.',
  },
  {
    code: 'RL618',
    name: 'inventory-format',
    says: 'the file is no inventory, or one of another format',
    explain:
      'Its `format` is not `rolelift.inventory/1`. An inventory is written by `rolelift scan`; a newer format is not read on a guess.',
    remedy: 'Scan again with this version.',
  },
  {
    code: 'RL619',
    name: 'inventory-invalid',
    says: 'a field of the inventory is missing or has the wrong form',
    explain:
      'The file says that it is an inventory, but a field has the wrong form; the message names its path. It was edited or cut off.',
    remedy: 'Scan again, or undo the edit.',
  },
  {
    code: 'RL620',
    name: 'journal-corrupt',
    says: 'the journal is damaged in the middle',
    explain:
      'Each line of a journal carries a checksum. A torn last line is what a crash leaves and is understood; a wrong line before the end is not: it was edited or damaged afterwards, and what happened can no longer be told. Nothing was run.',
    remedy: 'Restore the journal from a backup (or an earlier version of the object), then run the same command again.',
  },
  {
    code: 'RL621',
    name: 'journal-contradicts-itself',
    says: 'the journal tells what cannot have happened',
    explain:
      'Its lines are whole, but their order is impossible: a step is applied that was never begun, or undone twice. It was edited or mixed up with another. Nothing was run.',
    remedy: 'Restore the journal from a backup.',
  },
  {
    code: 'RL622',
    name: 'journal-of-another-plan',
    says: 'the journal beside this plan belongs to another one',
    explain:
      'The journal names the digest of the plan that it was begun with, and this is another plan. Going on would mix two migrations, and a rollback would undo the wrong things.',
    remedy: 'Put the plan back that the run was begun with, or use another directory (-o).',
  },
  {
    code: 'RL623',
    name: 'manifests-unreadable',
    says: 'the directory of manifests cannot be read',
    explain:
      '`plan --manifests DIR` reads all YAML and JSON files under a directory. At this path there is none that can be opened.',
    remedy: 'Name a directory, and check its permissions.',
  },
  {
    code: 'RL624',
    name: 'flag-without-meaning',
    says: 'an option for offline planning has no meaning',
    explain:
      'Options as --account, --oidc-issuer and --base-role-arn stand in for what the account would have told. This value cannot be one: an account has twelve digits, an issuer begins with https://, a base ARN is the beginning of a role ARN.',
    remedy: 'Give a value of the form that the message names.',
  },
  {
    code: 'RL625',
    name: 'step-kind-unknown',
    says: 'the plan has a step of a kind that this version does not know',
    explain:
      'The plan was made by a newer version, or by hand. What a step would do, and how it is undone, is known only for the kinds of this version.',
    remedy: 'Use the version that made the plan, or plan again.',
  },
  {
    code: 'RL626',
    name: 'plan-edited-since',
    says: 'the plan was edited',
    explain: 'Its digest does not fit its content. See RL613.',
    remedy: 'Undo the edit, or run `rolelift plan --reseal PLAN`.',
  },
  {
    code: 'RL627',
    name: 'plan-from-manifests',
    says: 'a plan that was made from manifests is not applied',
    explain:
      'Offline plans are for review: what only the cluster and the account could tell was assumed. To apply, the plan has to be made from the live cluster.',
    remedy: 'Plan against the cluster (without --manifests) and apply that.',
  },
  {
    code: 'RL628',
    name: 'no-such-move-or-step',
    says: 'the plan has no move or step of this id',
    explain:
      'An option (--move, --to) names something that is not in the plan. Ids are written in full, as move:payments/api.',
    remedy: '`rolelift show PLAN` lists moves and steps.',
  },
  {
    code: 'RL629',
    name: 'run-unknown',
    says: 'the cluster knows no run of this id',
    explain:
      'Runs note themselves in the ConfigMap rolelift-runs of the cluster. This id is not among them: another cluster, or the note was deleted.',
    remedy: '`rolelift runs` lists them; `rollback --from-live` needs none.',
  },
  {
    code: 'RL630',
    name: 'state-elsewhere',
    says: 'the state of the run lies where this command cannot reach it',
    explain:
      'The run kept its journal on another machine, in a bucket that has no plan there, or in a kind of store that this version does not know. The message says where.',
    remedy: 'Copy the folder here, check the bucket, or run there; without it: rolelift rollback --from-live.',
  },
  {
    code: 'RL631',
    name: 'selector-unreadable',
    says: 'the label selector cannot be read',
    explain:
      '`-l` takes what kubectl takes: `app=api,tier!=cache,env in (dev,test),!legacy`. The part that the message names is none of that.',
    remedy: 'Correct the selector.',
  },
  {
    code: 'RL641',
    name: 'acceptance-malformed',
    says: 'an --accept is not CODE:SUBJECT',
    explain:
      'A finding is accepted by its code and its subject, as its id shows them: `--accept RL201:payments/api`. Roles carry their account: `--accept RL310:111122223333/app`.',
    remedy: 'Write the id as the finding shows it.',
  },
  {
    code: 'RL642',
    name: 'acceptance-impossible',
    says: 'this finding cannot be accepted',
    explain:
      'RL110, RL307 and RL309 stand for things that no person should wave through: a role that nobody holds today would be handed out, or a trust policy could never be restored.',
    remedy: 'Read `rolelift explain CODE`, repair what it names, or leave the workload out.',
  },
  {
    code: 'RL643',
    name: 'acceptance-needs-a-name',
    says: 'this finding is accepted only by an exact subject',
    explain:
      'RL101, RL104, RL105 and RL402 are accepted one by one: a pattern could let through a workload of tomorrow that nobody has looked at.',
    remedy: 'Give one --accept for each, with the full subject.',
  },
  {
    code: 'RL644',
    name: 'acceptance-unmet',
    says: 'an --accept meets no finding',
    explain:
      'An acceptance lifts the finding whose id it spells, or whose subject its pattern matches. This one lifts nothing: the subject is mistyped, or what was accepted is not found any more. A note, not an error: the plan is made without it.',
    remedy: 'Compare it with the ids in the review; leave it out where the finding is gone.',
  },
  {
    code: 'RL661',
    name: 'scenario-invalid',
    says: 'the file is not a scenario',
    explain:
      'A scenario for the sandbox is a YAML or JSON file of a known form; the message says what is wrong in this one.',
    remedy: 'Compare with examples/demo/estate.yaml.',
  },
  {
    code: 'RL662',
    name: 'scenario-unreadable',
    says: 'the scenario cannot be read',
    explain: '`--scenario` takes the name of a scenario that comes with the package, or a file. This is neither.',
    remedy: 'Name one of those that the message lists, or a YAML file.',
  },
  {
    code: 'RL663',
    name: 'sandbox-port-taken',
    says: 'the sandbox cannot listen on this port',
    explain: 'Another process has the port, or this user may not use it. `ss -ltn` shows who listens.',
    remedy: 'Choose another with --port, or leave it out for any free one.',
  },
];
