import type { Plan, Step } from '../model/plan.js';
import { refKey } from '../model/resource.js';
import type { Style } from '../model/style.js';
import { visible } from '../model/text.js';
import { registry } from '../steps/registry.js';

/** Every call that a run would make to change something, step by step in the order given: the dry run. */
export const callsText = (plan: Plan, direction: 'apply' | 'undo', steps: readonly Step[], style: Style): string => {
  if (steps.length === 0) return direction === 'apply' ? 'nothing to apply' : 'nothing to undo';
  return steps
    .map((step) => {
      const changes = registry.get(step.kind)?.changes(step, direction, plan.id) ?? [];
      const head = `${style.name(visible(step.id))} ${style.dim(step.stage)}`;
      const body = changes.map((change) =>
        change.api === 'kubernetes'
          ? `  ${change.verb} ${visible(refKey(change.ref))}${change.subresource === undefined ? '' : `/${change.subresource}`} ${visible(JSON.stringify(change.body))}`
          : `  ${change.service}:${change.operation} ${visible(change.account)} ${visible(JSON.stringify(change.input))}`,
      );
      // A trust policy's new text depends on what stands there then; what is put into it, or taken out, does not.
      const { statement } = step.params;
      if (body.length > 0 && statement !== undefined)
        body.push(
          `    ${direction === 'apply' ? 'statement' : 'without the statement'} ${visible(JSON.stringify(statement))}`,
        );
      return [head, ...(body.length === 0 ? [style.dim('  no write')] : body)].join('\n');
    })
    .join('\n');
};
