import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseDocument } from 'yaml';
import { RoleliftError } from '../model/error.js';
import { type Scenario, type ScenarioInput, scenarioSchema } from './scenario-schema.js';

export type { Scenario, ScenarioInput };

const limit = 20 * 1024 * 1024;

const refused = (where: string, why: string, because?: unknown): RoleliftError =>
  new RoleliftError(
    {
      code: 'RL661',
      message: `${where} is not a scenario`,
      cause: why,
      remedy: 'See examples/demo/estate.yaml for the form of a scenario.',
      fault: 'user',
    },
    { exit: 64, because },
  );

/** A scenario from YAML or JSON text. Throws RL661 with the place that is wrong. */
export const parseScenario = (text: string, where: string): Scenario => {
  if (text.length > limit) throw refused(where, 'it is larger than 20 MiB');
  const document = parseDocument(text, { uniqueKeys: true });
  const problem = document.errors[0];
  if (problem) throw refused(where, problem.message);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (thrown) {
    throw refused(where, 'its aliases cannot be resolved', thrown);
  }
  return checkScenario(value, where);
};

/** Checks a value against the schema and fills what was left out. Throws RL661. */
export const checkScenario = (value: unknown, where: string): Scenario => {
  const parsed = scenarioSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw refused(where, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}`);
};

/** The folder with the scenarios that come with the package. */
const examplesFolder = (): string => fileURLToPath(new URL('../../examples/', import.meta.url));

/** Reads a scenario by the name of a folder under examples/, or from a file. Throws RL661, or RL662 where it cannot be read. */
export const loadScenario = (nameOrFile: string): Scenario => {
  const known = /^[a-z0-9-]+$/.test(nameOrFile);
  const file = known ? `${examplesFolder()}${nameOrFile}/estate.yaml` : nameOrFile;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (thrown) {
    throw new RoleliftError(
      {
        code: 'RL662',
        message: `the scenario ${nameOrFile} cannot be read`,
        remedy: 'Name a folder under examples/ (demo, kube2iam, cni) or a YAML file.',
        fault: 'user',
      },
      { exit: 64, because: thrown },
    );
  }
  return parseScenario(text, nameOrFile);
};
