import { shellWord } from '../model/shell.js';
import type { Change } from '../steps/step.js';

const kebab = (operation: string): string => operation.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();

/** Name of an object that is known only when the estate is looked at. */
const anyName = '*';
const isWrite = (change: Change): boolean => change.api === 'aws' || change.dryRun !== true;

/** The shell commands that make these changes without the tool: what a person runs where an undo failed. */
export const changesInto = (changes: readonly Change[]): readonly string[] =>
  changes.filter(isWrite).map((change) => {
    if (change.api === 'aws')
      return `aws ${change.service} ${kebab(change.operation)} --cli-input-json ${shellWord(JSON.stringify(change.input))}`;
    const { ref } = change;
    const namespace = 'namespace' in ref && ref.namespace !== undefined ? ` -n ${shellWord(ref.namespace)}` : '';
    const context = 'cluster' in ref && ref.cluster !== undefined ? ` --context ${shellWord(ref.cluster)}` : '';
    const named = `${shellWord(ref.kind.toLowerCase())} ${shellWord(ref.name)}`;
    const body = shellWord(JSON.stringify(change.body));
    switch (change.verb) {
      case 'delete':
        if (ref.name === anyName)
          return `# delete each ${ref.kind.toLowerCase()}${namespace} that still carries what was given, one after another`;
        return `kubectl${context}${namespace} delete ${named}`;
      case 'create':
        return `printf %s ${body} | kubectl${context}${namespace} create -f -`;
      default:
        return `kubectl${context}${namespace} patch ${named} --type merge -p ${body}`;
    }
  });
