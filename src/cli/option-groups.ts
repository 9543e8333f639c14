import { type Command, Option } from 'commander';
import { byAccount, collect, manyOf, oneOf, rate, whole } from './arguments.js';

/** Options of every command: what is printed, and how much is asked. */
export const output = (command: Command): Command =>
  command
    .option('--json', 'one JSON document (or one event a line) on standard output', false)
    .option('--quiet', 'results and errors only', false)
    .option('--verbose', 'every step, and stack traces', false)
    .option('--no-color', 'no colours')
    .option('--yes', 'answer every approval', false);

/** Options of what looks at a cluster and its accounts. */
export const cluster = (command: Command): Command =>
  command
    .option('--kubeconfig <file>', 'kubeconfig; default: KUBECONFIG, ~/.kube/config, in-cluster')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--cluster <name>', 'name of the EKS cluster, where the context does not tell it')
    .option('--region <region>', 'AWS region of the cluster')
    .option('--profile <name>', 'AWS profile')
    .option('-n, --namespace <glob>', 'only these namespaces (repeatable)', collect, [])
    .option('--exclude-namespace <glob>', 'not these (repeatable)', collect, [])
    .option('-l, --selector <labels>', 'only workloads with these labels')
    .option('-o, --out <dir>', 'plan directory; default: plans/<cluster>')
    .option('--concurrency <n>', 'moves at once', whole, 20)
    .option('--max-rate <lane=n>', 'requests a second, as iam-write=2 (repeatable)', rate, {})
    .option('--account-profile <account=profile>', 'profile for another account (repeatable)', byAccount, {})
    .option('--account-role <account=arn>', 'role to assume for another account (repeatable)', byAccount, {});

/** Options that shape a plan. */
export const planning = (command: Command): Command =>
  command
    .addOption(
      new Option('--target <mechanism>', 'where to').argParser(oneOf('auto', 'irsa', 'pod-identity')).default('auto'),
    )
    .option('--from <broker>', 'move away from it (repeatable): kiam, kube2iam, node-role, irsa', collect, [])
    .addOption(
      new Option('--role-mode <mode>', 'keep the role, or make a dedicated one')
        .argParser(oneOf('reuse', 'new'))
        .default('reuse'),
    )
    .addOption(
      new Option('--scope <parts>', 'workloads, nodes')
        .argParser(manyOf('workloads', 'nodes'))
        .default(['workloads', 'nodes'], 'workloads,nodes'),
    )
    .addOption(
      new Option('--gitops <how>', 'what others own: hand off, or write live')
        .argParser(oneOf('handoff', 'live'))
        .default('handoff'),
    )
    .addOption(
      new Option('--restart <how>', 'remove the old annotation after the proof, or in the restart')
        .argParser(oneOf('twice', 'once'))
        .default('twice'),
    )
    .option('--retire-trust', "take the broker out of the roles' trust, last of all", false)
    .option('--accept <code:subject>', 'lift a blocking finding (repeatable)', collect, [])
    .option('--include <what>', 'also move this controller, or default-role (repeatable)', collect, [])
    .option('--oidc-issuer <url>', 'issuer of a cluster that is not EKS')
    .option('--also-issuer <url>', 'issuer that the cluster is going to have (repeatable)', collect, [])
    .option('--disable-session-tags', 'Pod Identity without session tags', false)
    .option('--sdk-known <workload=sdk/version>', 'vouch for an SDK (repeatable)', collect, [])
    .option('--iac <arn=owner>', 'who owns a role: terraform, cloudformation, none (repeatable)', collect, [])
    .option('--management-context <name>', 'context of a Giant Swarm management cluster');

/** Where to look for the journal; the plan directory knows it once a run was begun from there. */
export const placed = (command: Command): Command =>
  command.option('--state <where>', 'where the journal lives: local, or s3://bucket/prefix');

/** Options of what keeps a journal and holds the lock. */
export const running = (command: Command): Command =>
  placed(command).option('--lock <namespace/name|none>', 'Lease that keeps two runs apart', 'kube-system/rolelift');
