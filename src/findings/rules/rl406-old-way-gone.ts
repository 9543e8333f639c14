import type { Rule } from '../rule.js';

export const oldWayGoneRule: Rule = {
  code: 'RL406',
  name: 'old-way-gone',
  severity: 'block',
  acceptable: true,
  says: 'rollback would restore a way that nobody serves any more',
  remedy:
    'Repair what the evidence names (the broker, its role, the namespace annotation), then roll back; or --force-move ID.',
  explain: `A rollback gives a workload its old way to its role back. That helps only if the old way still works. Weeks after a migration it may not: the broker is uninstalled, its server role deleted, the namespace no longer permits the role, the node role lost \`sts:AssumeRole\`.

Before any undo Rolelift asks, on the live cluster and account, what each pod would get afterwards. Here it would not be its old role. Going back would turn whatever is wrong now into an outage, so the move is refused (exit 4) and nothing is changed.

This is raised at rollback, never at planning; \`rolelift status PLAN\` tells for each move beforehand whether it can still go back, and RUNBOOK.md says until which event.

Look for yourself: the evidence says what each workload would get and why. Install the broker again, restore its role or the annotation, and roll back; or repair forwards; or, where a person knows better, \`--force-move ID\`.`,
  find: () => [],
};
