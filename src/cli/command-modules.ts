type Handler = (args: readonly string[], options: Record<string, unknown>) => Promise<number>;
/** What each command's file exports; the number is the exit code. */
export interface CommandModule {
  readonly run: Handler;
}

/** A command module is loaded when its command runs, so that --version and --help stay quick. */
export const commandModules = {
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
} satisfies Record<string, () => Promise<CommandModule>>;

export type CommandName = keyof typeof commandModules;
