import type { ErrorCode } from '../error-codes.js';

/** RL820 to RL839: steps, and what they meet. */
export const stepErrors: readonly ErrorCode[] = [
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
      'Before a restart the pod template is sent with dryRun, and the answer of the webhook is read. It does not hold the new identity yet: the webhook skips the pod, or has not seen the annotation. No pod was touched.',
    remedy: 'Read the cause; see RL205, RL209 and RL502. Run the same command again after it is mended.',
  },
  {
    code: 'RL823',
    name: 'pods-stay-wrong',
    says: 'pods stay without the wanted variables although they were recreated',
    explain: 'Pods that came up without the variables were replaced a bounded number of times, and still lack them.',
    remedy:
      'Look at the webhook and at the pod (`kubectl get pod -o yaml`), then run the same command again, or roll back.',
  },
  {
    code: 'RL824',
    name: 'changed-by-others',
    says: 'somebody else changed what this step writes, or has written',
    explain:
      'Nothing of another hand is overwritten, on the way there or back. The message names the field and, where it is known, who wrote it.',
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
      'What a step needs is read again just before it: for example the set of workloads that use the account that is about to be bound. It has changed since the plan, and one that nobody reviewed would gain the role.',
    remedy: 'Look at what changed, and plan again.',
  },
  {
    code: 'RL832',
    name: 'target-changed',
    says: 'the target of a step was changed by somebody else',
    explain: 'It is neither as it was when the plan was made nor as the step would leave it.',
    remedy: 'Agree with whoever changed it, and plan again.',
  },
  {
    code: 'RL833',
    name: 'target-gone',
    says: 'the target of a step is gone',
    explain: 'It was deleted since the plan was made.',
    remedy: 'Find out who deleted it, and plan again.',
  },
  {
    code: 'RL834',
    name: 'write-not-seen',
    says: 'a write was accepted, but reads do not show it',
    explain:
      'AWS answers reads from many places and takes a while; this took longer than the bound, or somebody wrote over it.',
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
];
