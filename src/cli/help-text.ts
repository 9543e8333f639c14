/** Made by test/cli/help-text.test.ts of what command-line.ts tells the parser. */
export const helpText = `Usage: rolelift [options] [command]

Moves Kubernetes workloads on AWS from kiam, kube2iam or the node role to IRSA
or EKS Pod Identity.

Options:
  --version                       print the version
  -h, --help                      print help

Commands:
  scan [options]                  Read cluster and account, and tell what uses
                                  which credentials.
  plan [options]                  Scan, judge, and write a plan that a person
                                  can review.
  show [options] <plan>           Print the review of a plan again.
  diff [options] <plan> [other]   What the estate has become since the plan was
                                  made; or two plans compared.
  rehearse [options] <plan>       Play the plan, its rollback and their
                                  interruptions on a twin of the estate.
  apply [options] <plan>          Execute what is left of a plan, going on where
                                  an earlier run stopped.
  status [options] <plan>         Where a run stands, move by move; whether each
                                  is still reversible, and why.
  verify [options] <plan>         Prove that every moved workload has the
                                  identity that it should have.
  rollback [options] [plan]       Undo what was applied, in the order that loses
                                  nobody an identity.
  retire-broker [options] <plan>  The removal of kiam or kube2iam; refused while
                                  anything needs it.
  report [options]                The scheduled dry run: what is left to move.
                                  Changes nothing; exit 2 when something is
                                  left.
  runs [options]                  The runs that this cluster knows of, and where
                                  their state is.
  permissions [options] [plan]    The least IAM policy and RBAC that a plan, or
                                  a plain scan, needs.
  doctor [options] [plan]         Check credentials, permissions, versions and
                                  reachability before anything else does.
  explain [options] [code]        What a finding or error code means and what to
                                  do.
  sandbox [options]               A simulated cluster and account on loopback;
                                  prints the environment for any client.
  demo [options]                  The whole story on a sandbox, in one command.
  completion [options] [shell]    Shell completion for bash, zsh or fish.
  help [command]                  display help for command

Start here:
  rolelift demo                     the whole story on a simulated cluster
  rolelift scan                     who uses which credentials in this cluster
  rolelift plan                     what would move, and what is in the way
  rolelift apply plans/CLUSTER      do it, step by step, with an undo each
`;
