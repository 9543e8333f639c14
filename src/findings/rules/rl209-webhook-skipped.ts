import { annotationKeys } from '../../model/words.js';
import type { Rule, WorkloadUse } from '../rule.js';
import { candidates, titleOf, workloadSubject } from '../subjects.js';

/**
 * Containers that `skip-containers` names: the first record of a CSV text, whose names are not trimmed (webhook, handler.go);
 * text that is no CSV skips nothing.
 */
export const skippedContainers = (text: string): readonly string[] => {
  const line = text.replace(/^(?:\r?\n)+/, '').split(/\r?\n/, 1)[0] ?? '';
  const names: string[] = [];
  let rest = line;
  while (true) {
    if (rest.startsWith('"')) {
      const match = /^"((?:[^"]|"")*)"(,|$)/.exec(rest);
      if (match === null) return [];
      names.push((match[1] as string).replaceAll('""', '"'));
      if (match[2] === '') return names;
      rest = rest.slice(match[0].length);
    } else {
      const comma = rest.indexOf(',');
      const name = comma < 0 ? rest : rest.slice(0, comma);
      // A bare quote inside an unquoted field is an error of Go's csv package.
      if (name.includes('"')) return [];
      names.push(name);
      if (comma < 0) return names;
      rest = rest.slice(comma + 1);
    }
  }
};

const reasonsOf = (use: WorkloadUse, skipLabel: boolean, prefix: string): readonly string[] => {
  const { labels, annotations, containers } = use.workload.template;
  const key = `${prefix}/skip-containers`;
  const names = new Set(Object.hasOwn(annotations, key) ? skippedContainers(annotations[key] as string) : []);
  const skipped = containers.filter(({ name }) => names.has(name));
  return [
    ...(skipLabel && Object.hasOwn(labels, annotationKeys.skipWebhookLabel)
      ? [`the label ${annotationKeys.skipWebhookLabel}`]
      : []),
    ...(skipped.length > 0 && skipped.length === containers.length
      ? [`the annotation ${key}, which names every container`]
      : skipped.length > 0
        ? [`the annotation ${key}, which names ${skipped.map(({ name }) => name).join(', ')}`]
        : []),
  ];
};

export const webhookSkipped: Rule = {
  code: 'RL209',
  name: 'webhook-skipped',
  severity: 'block',
  acceptable: true,
  says: 'a pod label or annotation keeps the webhook from injecting',
  remedy: 'Remove the label or annotation from the pod template, or accept it if the named containers do not call AWS.',
  explain: `Two marks on a pod keep the identity webhook from touching it: the label \`eks.amazonaws.com/skip-pod-identity-webhook\` (with any value) for the whole pod, and the annotation \`eks.amazonaws.com/skip-containers\` for the containers that it names. This template carries one.

The pods would come up without the variables of their new role. Nothing would complain: they would keep using the broker, and fail on the day it goes.

Look for yourself: \`kubectl get KIND NAME -o jsonpath='{.spec.template.metadata}'\`. The names in \`skip-containers\` are separated by commas and not trimmed: in \`a, b\` the second one is " b", which skips nothing.

Remove the mark. If it is meant, because the named container (a proxy, say) never calls AWS, accept the finding by the workload's name.`,
  find: (input) => {
    const { skipLabel, prefix } = input.estate.inventory.webhook;
    return candidates(input).flatMap((use) => {
      const reasons = reasonsOf(use, skipLabel, prefix);
      if (reasons.length === 0) return [];
      return [
        {
          subject: workloadSubject(use),
          message: `the webhook will leave out pods of ${titleOf(use)}: ${reasons.join('; ')}`,
          evidence: { reasons },
        },
      ];
    });
  },
};
