import type { ErrorCode } from '../error-codes.js';

/** RL7xx: access to cluster and accounts. */
export const accessErrors: readonly ErrorCode[] = [
  {
    code: 'RL701',
    name: 'kubeconfig-unusable',
    says: 'the kubeconfig cannot be read, or has no such context',
    explain:
      'Which cluster is meant comes from the kubeconfig: --kubeconfig, KUBECONFIG, or ~/.kube/config, and --context in it. `kubectl config get-contexts` shows what there is.',
    remedy: 'Give a readable file with --kubeconfig, or a context that it has.',
  },
  {
    code: 'RL702',
    name: 'credentials-expired',
    says: 'the server does not accept the credentials, or no longer',
    explain:
      'A token or session ended (or was never valid). A run pauses on this and does not fail: what was done stands in the journal. `kubectl auth whoami` and `aws sts get-caller-identity` show who you are.',
    remedy: 'Log in again (for example aws sso login) and run the same command: it goes on where it stopped.',
  },
  {
    code: 'RL703',
    name: 'not-allowed',
    says: 'the caller may not do this',
    explain:
      'The server knows who asks and refuses: a missing RBAC rule, IAM policy, or a deny by an SCP or a boundary. `rolelift doctor` checks all permissions beforehand.',
    remedy: 'Grant what the message names; `rolelift permissions` prints the least that is needed.',
  },
  {
    code: 'RL704',
    name: 'no-aws-credentials',
    says: 'no AWS credentials were found',
    explain:
      'The usual places were looked at: environment, profiles, single sign-on, the metadata service. None had any.',
    remedy: 'Log in (aws sso login), or set AWS_PROFILE or --profile. To read the cluster only: --no-aws.',
  },
  {
    code: 'RL705',
    name: 'account-without-credentials',
    says: 'no credentials for this account',
    explain: 'A role of the plan lives in another account than the credentials at hand. Only its moves depend on it.',
    remedy: 'Give --account-profile ACCOUNT=PROFILE or --account-role ACCOUNT=ROLE-ARN.',
  },
  {
    code: 'RL711',
    name: 'unreachable',
    says: 'a server could not be reached',
    explain:
      'No answer came: the name does not resolve, the connection was refused or timed out, a proxy is in the way. Reads were tried several times. After a write without an answer the run observes what became of it.',
    remedy: 'Check network, VPN and proxy (HTTPS_PROXY, NO_PROXY), and run the same command again.',
  },
  {
    code: 'RL712',
    name: 'server-error',
    says: 'the server answered with an error of its own',
    explain: 'An answer of the 5xx kind, after several tries. It usually passes.',
    remedy: 'Run the same command again; if it stays, look at the health of the API server.',
  },
  {
    code: 'RL713',
    name: 'throttled',
    says: 'AWS keeps throttling',
    explain:
      'The request rate was lowered again and again, and AWS still refuses. Others in the account may use up the same limit.',
    remedy: 'Run again later, or slower: --max-rate LANE=N.',
  },
  {
    code: 'RL714',
    name: 'aws-refused',
    says: 'AWS refused a call',
    explain: 'AWS understood the call and did not do it; its reason is in the cause.',
    remedy: 'Mend what the cause names, and run the same command again.',
  },
  {
    code: 'RL715',
    name: 'object-store-failed',
    says: 'the bucket that holds the state does not answer as it should',
    explain:
      'A read or a conditional write in the object store failed; the reason is in the cause. What was durable before stays so.',
    remedy:
      'Check the bucket, its Region and the permissions s3:GetObject, s3:PutObject and s3:ListBucket; then run the same command again.',
  },
  {
    code: 'RL731',
    name: 'already-there',
    says: 'an object of this name exists already',
    explain:
      'A create met an object that is there. Rolelift looks whether it is its own from an earlier attempt; if not, it leaves it alone.',
    remedy: 'Find out whose it is (its labels and managedFields tell), remove or rename it, and plan again.',
  },
  {
    code: 'RL732',
    name: 'conflict',
    says: 'somebody else changed the object at the same moment',
    explain:
      'Every write carries the version that it was based on, so that nothing of others is overwritten. The server saw another version.',
    remedy: 'Run the same command again; it looks afresh.',
  },
  {
    code: 'RL733',
    name: 'gone',
    says: 'the object that was to be written is not there',
    explain: 'It was deleted since the plan was made.',
    remedy: 'Find out who deleted it; plan again.',
  },
  {
    code: 'RL734',
    name: 'refused-as-invalid',
    says: 'the API server refuses the change',
    explain:
      'The object would be invalid, a field may not change, or an admission policy denies it. The cause has the words of the server.',
    remedy: 'Mend what the cause names, or let the owner of the policy allow it.',
  },
  {
    code: 'RL735',
    name: 'kind-unknown',
    says: 'the API server does not know this kind',
    explain: 'Its discovery does not list it: another cluster, or a custom resource definition that is not installed.',
    remedy: 'Check the context, and that the definitions are installed.',
  },
];
