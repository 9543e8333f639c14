import { Command, CommanderError, Option } from 'commander';
import type { ErrorData } from '../model/error.js';
import { byAccount, collect, manyOf, oneOf, rate, span, whole } from './arguments.js';
import { version } from './version.js';

type Handler = (args: readonly string[], options: Record<string, unknown>) => Promise<number>;

/** A command module is loaded when its command runs, so that --version and --help stay quick. */
const commands = {
  scan: () => import('./commands/scan.js'),
  plan: () => import('./commands/plan.js'),
  show: () => import('./commands/show.js'),
  diff: () => import('./commands/diff.js'),
  apply: () => import('./commands/apply.js'),
  status: () => import('./commands/status.js'),
  verify: () => import('./commands/verify.js'),
  rollback: () => import('./commands/rollback.js'),
  rehearse: () => import('./commands/rehearse.js'),
  report: () => import('./commands/report.js'),
  runs: () => import('./commands/runs.js'),
  permissions: () => import('./commands/permissions.js'),
  doctor: () => import('./commands/doctor.js'),
  explain: () => import('./commands/explain.js'),
  sandbox: () => import('./commands/sandbox.js'),
  demo: () => import('./commands/demo.js'),
  completion: () => import('./commands/completion.js'),
  'retire-broker': () => import('./commands/retire-broker.js'),
  guide: () => import('./commands/guide.js'),
} satisfies Record<string, () => Promise<{ readonly run: Handler }>>;

/** Runs the program and leaves the process with its exit code. */
export const main = async (argv: readonly string[]): Promise<void> => {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // A reader that went away (head, a closed terminal) ends the output, and nothing else.
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    });
  }
  let code = 0;
  try {
    code = await dispatch(argv);
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      code = thrown.exitCode === 0 ? 0 : 64;
      if (code !== 0 && argv.includes('--json'))
        process.stderr.write(`${JSON.stringify({ error: usageError(thrown) })}\n`);
    } else {
      const [{ errorText }, { errorData, RoleliftError }, { plainStyle }] = await Promise.all([
        import('../io/error-text.js'),
        import('../model/error.js'),
        import('../model/style.js'),
      ]);
      const json = argv.includes('--json');
      const data = errorData(thrown);
      const columns = Math.max(40, Math.min(process.stderr.columns ?? 80, 100));
      process.stderr.write(json ? `${JSON.stringify({ error: data })}\n` : `${errorText(data, plainStyle, columns)}\n`);
      if (argv.includes('--verbose') && thrown instanceof Error) process.stderr.write(`${thrown.stack ?? ''}\n`);
      code = thrown instanceof RoleliftError ? thrown.exit : 1;
    }
  }
  // Handles of keep-alive sockets and watches must not hold the process; output is written first.
  await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
  process.exit(code);
};

const usageError = (thrown: CommanderError): ErrorData => ({
  code: 'RL600',
  message: thrown.message.replace(/^error: /, ''),
  subject: null,
  cause: '',
  remedy: 'rolelift --help, and rolelift COMMAND --help, tell what can be typed.',
  fault: 'user',
});

const dispatch = async (argv: readonly string[]): Promise<number> => {
  let code = 0;
  const handle =
    (name: keyof typeof commands) =>
    async (...given: readonly unknown[]): Promise<void> => {
      const command = given[given.length - 1] as Command;
      const module = (await commands[name]()) as { readonly run: Handler };
      code = await module.run(command.args, command.optsWithGlobals());
    };
  const program = build(handle);
  // The same is told as a document.
  if (argv.includes('--json'))
    for (const each of [program, ...program.commands]) each.configureOutput({ writeErr: () => undefined });
  if (argv.length === 0) {
    if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) {
      program.outputHelp();
      return 0;
    }
    const { run } = await commands.guide();
    return run([], defaultsOf(program));
  }
  await program.parseAsync([...argv], { from: 'user' });
  return code;
};

const defaultsOf = (program: Command): Record<string, unknown> => {
  const probe = program.commands.find((command) => command.name() === 'apply') as Command;
  return { ...probe.opts() };
};

type Handle = (name: keyof typeof commands) => (...given: readonly unknown[]) => Promise<void>;

/** What an option does, with its default where that says something: not for flags that are off and lists that are empty. */
const optionDescription = (option: Option): string => {
  const value: unknown = option.defaultValue;
  const says = option.required && (typeof value === 'string' || typeof value === 'number');
  const text = option.defaultValueDescription ?? String(value);
  return says || option.defaultValueDescription !== undefined
    ? `${option.description} (default: ${text})`
    : option.description;
};

/** Everything that can be typed; the help texts of README are made from it. */
export const build = (handle: Handle): Command => {
  const program = new Command('rolelift')
    .description('Moves Kubernetes workloads on AWS from kiam, kube2iam or the node role to IRSA or EKS Pod Identity.')
    .version(version(), '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .exitOverride()
    .showHelpAfterError('(rolelift --help tells more)')
    .configureHelp({ sortSubcommands: false, optionDescription })
    .addHelpText(
      'after',
      `
Start here:
  rolelift demo                     the whole story on a simulated cluster
  rolelift scan                     who uses which credentials in this cluster
  rolelift plan                     what would move, and what is in the way
  rolelift apply plans/CLUSTER      do it, step by step, with an undo each`,
    );

  const add = (
    name: keyof typeof commands,
    synopsis: string,
    summary: string,
    examples: readonly string[],
  ): Command => {
    const command = program
      .command(synopsis)
      .description(summary)
      .exitOverride()
      .addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`)
      .action(handle(name));
    return output(command);
  };

  cluster(
    add('scan', 'scan', 'Read cluster and account, and tell what uses which credentials.', [
      'rolelift scan',
      'rolelift scan --json > inventory.json',
      'rolelift scan -n payments --no-aws',
    ]),
  )
    .option('--no-aws', 'read the cluster only')
    .option('--oidc-issuer <url>', 'issuer of a cluster that is not EKS');

  planning(
    cluster(
      add('plan', 'plan', 'Scan, judge, and write a plan that a person can review.', [
        'rolelift plan',
        'rolelift plan -n payments --target irsa -o plans/payments',
        'rolelift plan --manifests k8s/ --account 111122223333 --region eu-west-1 --broker kiam',
        'rolelift plan --reseal plans/demo',
      ]),
    ),
  )
    .option('--inventory <file>', 'plan from a recorded inventory instead of a live cluster')
    .option('--manifests <dir>', 'plan offline, from a folder of YAML')
    .option('--account <id>', 'offline: account of the cluster')
    .option('--partition <name>', 'offline: aws, aws-cn or aws-us-gov')
    .addOption(new Option('--broker <name>', 'offline: which broker runs there').argParser(oneOf('kiam', 'kube2iam')))
    .option('--broker-version <version>', 'offline: its version, as v3.6')
    .option('--broker-args <text>', 'offline: its command line')
    .option('--base-role-arn <arn>', 'offline: prefix of role names')
    .option('--no-aws', 'read the cluster only')
    .option('--reseal <plan>', 'validate an edited plan anew and give it a new digest')
    .option('--detailed-exitcode', 'exit 2 when there is something to move', false);

  add('show', 'show <plan>', 'Print the review of a plan again.', [
    'rolelift show plans/demo',
    'rolelift show plans/demo --format markdown',
  ]).addOption(
    new Option('--format <format>', 'table, markdown or json')
      .argParser(oneOf('table', 'markdown', 'json'))
      .default('table'),
  );

  cluster(
    add('diff', 'diff <plan> [other]', 'What the estate has become since the plan was made; or two plans compared.', [
      'rolelift diff plans/demo',
      'rolelift diff plans/a plans/b',
    ]),
  );

  cluster(
    add('rehearse', 'rehearse <plan>', 'Play the plan, its rollback and their interruptions on a twin of the estate.', [
      'rolelift rehearse plans/demo',
      'rolelift rehearse plans/demo --move move:payments/api',
      'rolelift rehearse plans/demo --json',
    ]),
  )
    .option(
      '--move <id>',
      'only this move, and what it hangs together with (repeatable); writes no verdict',
      collect,
      [],
    )
    .option('--quick', 'fewer interruptions and faults', false);

  running(
    cluster(
      add('apply', 'apply <plan>', 'Execute what is left of a plan, going on where an earlier run stopped.', [
        'rolelift apply plans/prod --state local',
        'rolelift apply plans/prod --state s3://bucket/rolelift --canary 1 --yes',
        'rolelift apply plans/prod --stage retire --state local',
        'rolelift apply plans/prod --dry-run',
      ]),
    ),
  )
    .addOption(new Option('--stage <stage>', 'only this stage').argParser(oneOf('prepare', 'cutover', 'retire')))
    .option('--move <id>', 'only this move (repeatable)', collect, [])
    .option('--canary <n>', 'that many moves first, then a gate', whole)
    .option('--soak <time>', 'wait that long after each cutover, then retire', span)
    .option('--accept-unproven <move|all>', 'retire without proof of use (repeatable)', collect, [])
    .addOption(new Option('--prove <how>', 'token: exchange tokens at STS before a restart').argParser(oneOf('token')))
    .addOption(
      new Option('--on-failure <what>', 'when a step fails')
        .argParser(oneOf('stop', 'rollback-move', 'continue'))
        .default('rollback-move'),
    )
    .option('--rollouts <n>', 'restarts at once', whole, 20)
    .addOption(new Option('--rollout-timeout <time>', 'for one restart').argParser(span).default(600_000, '10m'))
    .option('--wait-handoff <time>', 'wait that long for hand-offs', span)
    .option('--dry-run', 'print the exact calls, make none', false)
    .option('--allow-failed-rehearsal', 'apply though the rehearsal failed', false)
    .option('--expect-digest <sha>', 'refuse any other plan');

  add('status', 'status <plan>', 'Where a run stands, move by move; whether each is still reversible.', [
    'rolelift status plans/demo',
    'rolelift status plans/demo --json',
  ]);

  cluster(
    add('verify', 'verify <plan>', 'Prove that every moved workload has the identity that it should have.', [
      'rolelift verify plans/prod',
      'rolelift verify plans/prod --prove token',
    ]),
  )
    .addOption(new Option('--prove <how>', 'token: exchange tokens at STS').argParser(oneOf('token')))
    .option('--probe', 'run a short-lived pod for each service account', false)
    .option('--probe-image <image>', 'image of that pod', 'public.ecr.aws/aws-cli/aws-cli:latest');

  running(
    cluster(
      add('rollback', 'rollback [plan]', 'Undo what was applied, in the order that loses nobody an identity.', [
        'rolelift rollback plans/prod --state local',
        'rolelift rollback plans/prod --move move:payments/api --state local --yes',
        'rolelift rollback --run ID --state s3://bucket/rolelift',
        'rolelift rollback --from-live --state local',
      ]),
    ),
  )
    .option('--move <id>', 'only this move (repeatable)', collect, [])
    .option('--to <step>', 'undo down to this step, which stays')
    .option('--run <id>', 'find the state of that run through the cluster')
    .option('--from-live', 'undo by our marks on live objects, without a journal', false)
    .option('--force-move <id>', 'undo a move though the old way is gone (repeatable)', collect, [])
    .addOption(new Option('--rollout-timeout <time>', 'for one restart').argParser(span).default(600_000, '10m'))
    .option('--wait-handoff <time>', 'wait that long for hand-offs', span)
    .addOption(
      new Option('--gitops <how>', 'live: write hand-offs back live')
        .argParser(oneOf('handoff', 'live'))
        .default('handoff'),
    )
    .option('--dry-run', 'print the exact calls, make none', false);

  running(
    cluster(
      add(
        'retire-broker',
        'retire-broker <plan>',
        'The removal of kiam or kube2iam; refused while anything needs it.',
        ['rolelift retire-broker plans/prod', 'rolelift retire-broker plans/prod --live --state local --yes'],
      ),
    ),
  ).option('--live', 'do it instead of printing it', false);

  planning(
    cluster(
      add(
        'report',
        'report',
        'The scheduled dry run: what is left to move. Changes nothing; exit 2 when something is left.',
        ['rolelift report', 'rolelift report --format markdown > report.md'],
      ),
    ),
  ).addOption(
    new Option('--format <format>', 'table, markdown or json')
      .argParser(oneOf('table', 'markdown', 'json'))
      .default('table'),
  );

  cluster(
    add('runs', 'runs', 'The runs that this cluster knows of, and where their state is.', [
      'rolelift runs',
      'rolelift runs --json',
    ]),
  );

  add('permissions', 'permissions [plan]', 'The least IAM policy and RBAC that a plan, or a plain scan, needs.', [
    'rolelift permissions --for scan',
    'rolelift permissions plans/prod --for apply --json',
  ])
    .addOption(
      new Option('--for <what>', 'which command')
        .argParser(oneOf('scan', 'verify', 'report', 'apply', 'rollback'))
        .default('apply'),
    )
    .option('--region <region>', 'region in ARNs')
    .option('--prove <how>', 'token: with the right to make tokens')
    .option('--state <where>', 'with the rights of a journal in s3://bucket/prefix')
    .option('--lock <namespace/name>', 'the Lease of a run; none for none', 'kube-system/rolelift')
    .option('--account-role <account=arn>', 'role to assume for another account (repeatable)', byAccount, {});

  cluster(
    add(
      'doctor',
      'doctor [plan]',
      'Check credentials, permissions, versions and reachability before anything else does.',
      ['rolelift doctor', 'rolelift doctor plans/prod'],
    ),
  );

  add('explain', 'explain [code]', 'What a finding or error code means and what to do.', [
    'rolelift explain RL101',
    'rolelift explain',
  ]);

  add('sandbox', 'sandbox', 'A simulated cluster and account on loopback; prints the environment for any client.', [
    'rolelift sandbox --write-env /tmp/env & sleep 1; . /tmp/env; kubectl get pods -A',
    'rolelift sandbox --scenario examples/kube2iam/estate.yaml --port 8080',
  ])
    .option('--port <n>', 'port; default: any free one', whole)
    .option('--scenario <name|file>', 'estate; default: the demo')
    .option('--inventory <file>', 'a twin of a recorded inventory')
    .addOption(new Option('--latency <time>', 'of every answer').argParser(span).default(0, '0s'))
    .addOption(
      new Option('--consistency-delay <time>', 'how long IAM tells old state').argParser(span).default(0, '0s'),
    )
    .option('--rate <lane=n>', 'requests a second (repeatable)', rate, {})
    .option('--authorise <policy>', 'refuse calls beyond what this file (of rolelift permissions --json) allows')
    .option('--write-env <file>', 'also write the environment there');

  add('demo', 'demo', 'The whole story on a sandbox, in one command.', [
    'rolelift demo',
    'rolelift demo -o plans/demo',
  ]).option('-o, --out <dir>', 'keep the plan directory there');

  add('completion', 'completion [shell]', 'Shell completion for bash, zsh or fish.', [
    'source <(rolelift completion bash)',
  ]);
  return program;
};

const output = (command: Command): Command =>
  command
    .option('--json', 'one JSON document (or one event a line) on standard output', false)
    .option('--quiet', 'results and errors only', false)
    .option('--verbose', 'every step, and stack traces', false)
    .option('--no-color', 'no colours')
    .option('--yes', 'answer every approval', false);

const cluster = (command: Command): Command =>
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

const planning = (command: Command): Command =>
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

const running = (command: Command): Command =>
  command
    .option('--state <where>', 'where the journal lives: local, or s3://bucket/prefix')
    .option('--lock <namespace/name|none>', 'Lease that keeps two runs apart', 'kube-system/rolelift');
