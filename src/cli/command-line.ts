import { Command, Option } from 'commander';
import { byAccount, collect, oneOf, rate, span, whole } from './arguments.js';
import type { CommandName } from './command-modules.js';
import { cluster, output, placed, planning, running } from './option-groups.js';
import { version } from './version.js';

/** Makes what commander calls for a command. */
export type Handle = (name: CommandName) => (...given: readonly unknown[]) => Promise<void>;

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

  const add = (name: CommandName, synopsis: string, summary: string, examples: readonly string[]): Command => {
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

  placed(
    cluster(
      add('diff', 'diff <plan> [other]', 'What the estate has become since the plan was made; or two plans compared.', [
        'rolelift diff plans/demo',
        'rolelift diff plans/a plans/b',
      ]),
    ),
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
        'rolelift apply plans/prod --stage retire',
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

  placed(
    cluster(
      add('status', 'status <plan>', 'Where a run stands, move by move; whether each is still reversible, and why.', [
        'rolelift status plans/demo',
        'rolelift status plans/demo --offline --json',
      ]),
    ),
  ).option('--offline', 'from plan and journal alone: ask no cluster', false);

  placed(
    cluster(
      add('verify', 'verify <plan>', 'Prove that every moved workload has the identity that it should have.', [
        'rolelift verify plans/prod',
        'rolelift verify plans/prod --prove token',
      ]),
    ),
  )
    .addOption(new Option('--prove <how>', 'token: exchange tokens at STS').argParser(oneOf('token')))
    .option('--probe', 'run a short-lived pod for each service account', false)
    .option('--probe-image <image>', 'image of that pod', 'public.ecr.aws/aws-cli/aws-cli:latest');

  running(
    cluster(
      add('rollback', 'rollback [plan]', 'Undo what was applied, in the order that loses nobody an identity.', [
        'rolelift rollback plans/prod',
        'rolelift rollback plans/prod --move payments/api --dry-run',
        'rolelift rollback --run ID',
        'rolelift rollback --from-live --state local',
      ]),
    ),
  )
    .option('--move <id>', 'only this move (repeatable)', collect, [])
    .addOption(new Option('--to <step>', 'undo down to this step, which stays').conflicts('move'))
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
      new Option('--for <what>', 'which command; verify covers status')
        .argParser(oneOf('scan', 'verify', 'report', 'apply', 'rollback'))
        .default('apply'),
    )
    .option('--region <region>', 'region in ARNs')
    .option('--prove <how>', 'token: with the right to make tokens')
    .option('--probe', 'for verify: with the rights of its probe pods', false)
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
