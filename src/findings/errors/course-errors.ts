import type { ErrorCode } from '../error-codes.js';

/** RL840 and on: a run's course, its holds and locks; some are notices. */
export const courseErrors: readonly ErrorCode[] = [
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
    remedy: 'Run rolelift rollback PLAN first; it goes on where it stopped.',
  },
  {
    code: 'RL843',
    name: 'broker-still-needed',
    says: 'the broker cannot be removed yet',
    explain:
      'A pod still gets its role from it, a move away from it is not finished, a pod could then reach the node role (RL404), or it could not be read whether any does. What stands in the way is in the cause, one by one.',
    remedy:
      'Finish the moves (`rolelift status PLAN`), move or retire what the cause names, close the metadata address; then ask again.',
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
    code: 'RL864',
    name: 'journal-elsewhere',
    says: 'the journal of this plan is at another place',
    explain:
      'A journal holds what each step found before it wrote: only the run that has it can undo exactly. A second journal, begun elsewhere, would take what was applied for what had always been so. The plan directory (file STATE) and the cluster (`rolelift runs`) tell where the first one is.',
    remedy: 'Leave `--state` out, or name that place. Is the journal lost: `rollback --from-live`, or plan again.',
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
  {
    code: 'RL875',
    name: 'first-node-fails',
    says: 'the first node with the new role gives new pods no addresses',
    explain:
      'The CNI is restarted on one node before all others. Its pod did not become Ready there, or the node gave a new pod no address. The other nodes still have the old way.',
    remedy:
      'Look at the logs of aws-node on that node and at the role in the cause; the move is rolled back by itself unless you said otherwise.',
  },
  {
    code: 'RL876',
    name: 'role-not-ready',
    says: 'the new role would not serve the service account',
    explain:
      'Before the CNI gets a role of its own, role, trust policy, OIDC provider and policies are read from IAM once more. Something is not as it must be: an injected aws-node with a bad role takes its node out of service.',
    remedy: 'Mend what the cause names, and run the same command again; no pod was touched.',
  },
];
