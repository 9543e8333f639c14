import type { ErrorCode } from '../error-codes.js';

/** RL8xx: a run, its journal and its locks; some are notices. */
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
  {
    code: 'RL821',
    name: 'rollout-failed',
    says: 'a rollout failed',
    explain:
      'The new pods did not become ready within their deadline. The cause names the pod and its trouble (image, crash, missing room). By default the move is undone and others go on.',
    remedy: '`kubectl describe` the workload and its newest pod, mend what is wrong, and run the same command again.',
  },
  {
    code: 'RL822',
    name: 'new-pod-would-lack-identity',
    says: 'the admission preview shows that a new pod would not get the wanted variables',
    explain:
      'Before a restart the pod template is sent with dryRun, and the answer of the webhook is read. It does not hold the new identity yet: the webhook skips the pod, or has not seen the annotation. No pod was touched. (In a plan directory: another run holds it, see RL861.)',
    remedy: 'Read the cause; see RL205, RL209 and RL502. Run the same command again after it is mended.',
  },
  {
    code: 'RL823',
    name: 'pods-stay-wrong',
    says: 'pods stay without the wanted variables although they were recreated',
    explain:
      'Pods that came up without the variables were replaced a bounded number of times, and still lack them. (For the lock in the cluster: see RL862.)',
    remedy:
      'Look at the webhook and at the pod (`kubectl get pod -o yaml`), then run the same command again, or roll back.',
  },
  {
    code: 'RL824',
    name: 'changed-by-others',
    says: 'somebody else changed what this step writes, or has written',
    explain:
      'Nothing of another hand is overwritten, on the way there or back. The message names the field and, where it is known, who wrote it. (A lock that was lost: see RL863.)',
    remedy: 'Agree with whoever changed it, restore the field or plan again.',
  },
  {
    code: 'RL825',
    name: 'object-gone',
    says: 'the object that a step writes is not there',
    explain: 'It was there when the plan was made and has been deleted since.',
    remedy: 'Find out who deleted it, and plan again.',
  },
  {
    code: 'RL826',
    name: 'name-taken',
    says: 'an object of this name exists and is not ours',
    explain: 'A step would create it; what is there carries no mark of ours and is left alone.',
    remedy: 'Rename or remove it, and plan again.',
  },
  {
    code: 'RL827',
    name: 'trust-cannot-take-it',
    says: 'the trust policy cannot take the statement, or cannot be brought back',
    explain: 'It would exceed the quota, cannot be read, or holds what IAM would not take back. See RL301 and RL307.',
    remedy: 'Ask for a higher quota, repair the policy, or use a role of its own.',
  },
  {
    code: 'RL828',
    name: 'associated-with-another-role',
    says: 'the service account is bound to another role by a Pod Identity association',
    explain: 'One association fits on a service account, and somebody made another one since the plan.',
    remedy: 'Remove that association if nobody needs it, and plan again.',
  },
  {
    code: 'RL829',
    name: 'addon-update-failed',
    says: 'the update of an EKS add-on failed',
    explain:
      'EKS reports the reason in the cause (a configuration conflict, a missing permission, an unsupported version).',
    remedy: 'Mend what EKS says, and run the same command again, or roll back.',
  },
  {
    code: 'RL830',
    name: 'pod-without-identity',
    says: 'a pod does not have the identity that it should have',
    explain:
      'The proof looked at every pod of the move and found one whose variables, volume or label are not those of its new identity.',
    remedy: 'Find out why it was admitted without; delete the pod and run the same command again, or roll back.',
  },
  {
    code: 'RL831',
    name: 'estate-differs',
    says: 'the estate is not as the step presupposes',
    explain:
      'What a step needs is read again just before it: for example the set of workloads that use the account that is about to be bound. It has changed since the plan, and one that nobody reviewed would gain the role. (Pods that cannot be replaced: see RL871.)',
    remedy: 'Look at what changed, and plan again.',
  },
  {
    code: 'RL832',
    name: 'target-changed',
    says: 'the target of a step was changed by somebody else',
    explain:
      'It is neither as it was when the plan was made nor as the step would leave it. (A token that STS refuses: see RL872.)',
    remedy: 'Agree with whoever changed it, and plan again.',
  },
  {
    code: 'RL833',
    name: 'target-gone',
    says: 'the target of a step is gone',
    explain: 'It was deleted since the plan was made. (Nodes that lost a permission: see RL873.)',
    remedy: 'Find out who deleted it, and plan again.',
  },
  {
    code: 'RL834',
    name: 'write-not-seen',
    says: 'a write was accepted, but reads do not show it',
    explain:
      'AWS answers reads from many places and takes a while; this took longer than the bound, or somebody wrote over it. (Writes that conflict again and again: see RL874.)',
    remedy: 'Look at the object; the same command goes on from here.',
  },
  {
    code: 'RL835',
    name: 'another-cluster',
    says: "this is another cluster than the plan's",
    explain:
      'The uid of the kube-system namespace is that of a cluster, for good. Here it is another one, although the name may be the same.',
    remedy: 'Choose the context of the cluster that was planned.',
  },
  {
    code: 'RL836',
    name: 'another-account',
    says: "the credentials are of another account than the plan's",
    explain: 'The plan was made for one account; the credentials at hand belong to another.',
    remedy: 'Use credentials of the account that was planned.',
  },
  {
    code: 'RL838',
    name: 'all-blocked',
    says: 'every move of the plan is blocked',
    explain: 'Each has a finding that blocks and that nobody accepted, so there is nothing to do.',
    remedy: '`rolelift show PLAN` tells which, and what to do about them; then plan again.',
  },
  {
    code: 'RL840',
    name: 'plan-in-use',
    says: 'the directory holds a plan that is applied in part',
    explain: 'A new plan there would leave what was done without its undo.',
    remedy: 'Go on with rolelift apply, undo it with rolelift rollback, or plan into another directory with -o.',
  },
  {
    code: 'RL841',
    name: 'move-stuck',
    says: 'a move is stuck: its undo failed',
    explain:
      'An earlier rollback could not finish this move. apply leaves such moves alone; the first failure and the failed undo both stand in the journal.',
    remedy: 'Mend what the undo failed on, run rolelift rollback --move ID, then apply again.',
  },
  {
    code: 'RL842',
    name: 'half-undone',
    says: 'a rollback of this step was begun and is not over',
    explain: 'Going forwards in the middle of a rollback would mix both directions.',
    remedy: 'Run rolelift rollback first; it goes on where it stopped.',
  },
  {
    code: 'RL845',
    name: 'rehearsal-failed',
    says: 'the rehearsal of this plan failed',
    explain:
      'Played on a twin, the plan broke an invariant: a pod lost its identity, or the way back did not lead back. rehearsal.json says where.',
    remedy: 'Read the report, repair or plan again; --allow-failed-rehearsal goes on all the same.',
  },
  {
    code: 'RL851',
    name: 'held-by-pause-file',
    says: 'a PAUSE file holds the run',
    explain: 'A notice: the file PAUSE in the plan directory stops a run between steps.',
    remedy: 'Remove the file to go on.',
  },
  {
    code: 'RL852',
    name: 'soaking',
    says: 'a move soaks',
    explain:
      'A notice: the new identity is given time before anything is taken away. The time is counted between server times.',
    remedy: 'Wait, or run `apply --stage retire` later.',
  },
  {
    code: 'RL853',
    name: 'soak-changed',
    says: 'this run asks for another soak than an earlier one',
    explain: 'A notice: a later run may lengthen a soak; it does not drop it unsaid.',
    remedy: 'Nothing, if it is what you meant.',
  },
  {
    code: 'RL861',
    name: 'directory-held',
    says: 'another run holds this plan directory',
    explain:
      'Two runs in one directory would write one journal. The message says who holds it; a run that was killed gives it free by itself.',
    remedy: 'Wait for it to end, or stop it.',
  },
  {
    code: 'RL862',
    name: 'lease-held',
    says: 'another run holds the lock in the cluster',
    explain:
      'A Lease (kube-system/rolelift by default) lets one run at a time change the cluster. The message says who holds it.',
    remedy: 'Wait for it to end; `rolelift runs` tells where its state is.',
  },
  {
    code: 'RL863',
    name: 'lock-lost',
    says: 'the lock was lost while the run was under way',
    explain:
      'It could not be renewed in time: the network was away, or the machine slept. The run stopped before its next effect.',
    remedy: 'Run the same command again: it observes what the last call did.',
  },
  {
    code: 'RL871',
    name: 'pods-cannot-be-replaced',
    says: 'pods still carry the new identity and cannot be replaced by rolelift',
    explain:
      'In a rollback every pod with the new identity has to go before its trust may. These are of a kind that nobody makes anew (a bare pod, OnDelete, a running Job).',
    remedy: 'Delete or finish them by hand, and run rollback again.',
  },
  {
    code: 'RL872',
    name: 'token-not-accepted',
    says: 'STS did not accept the service account token for the role',
    explain:
      'With --prove token the exchange is tried before a pod depends on it. STS refused; its reason is in the cause.',
    remedy: 'Compare trust policy, provider and audience with the cause; nothing was restarted.',
  },
  {
    code: 'RL873',
    name: 'node-lost-permission',
    says: 'after a policy left the node role, nodes lost what they need',
    explain:
      'A node or a new pod showed it (NotReady, MissingIAMPermissions), and the policy was attached again by itself.',
    remedy: 'See that aws-node really uses its own role on every node before you try again.',
  },
  {
    code: 'RL874',
    name: 'too-many-conflicts',
    says: 'others changed the same object again and again',
    explain: 'Each write met a newer version of the object. Some controller or person is writing it at the same time.',
    remedy: 'Find out who writes it, and run the same command again.',
  },
];
