import { writeFileAtomically } from '../../journal/atomic-file.js';
import { RoleliftError } from '../../model/error.js';
import { isObject, type JsonObject, listAt, objectAt, textAt } from '../../model/json.js';
import { type Authorise, createSandbox } from '../../sandbox/sandbox.js';
import { loadScenario } from '../../sandbox/scenario.js';
import { serve } from '../../sandbox/serve.js';
import { twinOf } from '../../sandbox/twin.js';
import { parseInventory } from '../../scan/inventory-file.js';
import { parseJson, readText } from '../plan-directory.js';
import { type GlobalOptions, openSession } from '../session.js';

interface SandboxArguments extends GlobalOptions {
  readonly port?: number;
  readonly scenario?: string;
  readonly inventory?: string;
  readonly latency: number;
  readonly consistencyDelay: number;
  readonly rate: Readonly<Record<string, number>>;
  readonly authorise?: string;
  readonly writeEnv?: string;
}

/** Pods call AWS that often, so that CloudTrail shows within seconds what an hour shows elsewhere. */
const useEveryMs = 3_000;

/** What `rolelift permissions --json` prints, or a bare IAM policy document. */
const authoriseOf = (value: unknown, file: string): Authorise => {
  const whole = isObject(value) && (isObject(value['iam']) || Array.isArray(value['rbac']));
  if (!isObject(value) || (!whole && value['Statement'] === undefined)) {
    throw new RoleliftError(
      {
        code: 'RL606',
        message: `${file} grants nothing that the sandbox understands`,
        cause: 'it is neither what rolelift permissions --json prints nor an IAM policy document',
        remedy: 'Make it with rolelift permissions PLAN --json.',
        fault: 'user',
      },
      { exit: 64 },
    );
  }
  if (!whole) return { iam: value };
  // Rights on further clusters are rights on this one: it is all that there is.
  const clusters = Object.values(objectAt(value, 'clusters')).flatMap((objects, index) =>
    listAt({ objects }, 'objects')
      .filter(isObject)
      .map((object) => ({
        ...object,
        metadata: { ...objectAt(object, 'metadata'), name: `${textAt(object, 'metadata', 'name')}-${index + 1}` },
      })),
  );
  return {
    iam: isObject(value['iam']) ? value['iam'] : null,
    rbac: value['rbac'] === undefined ? null : [...listAt(value, 'rbac').filter(isObject), ...clusters],
    accounts: Object.fromEntries(
      Object.entries(objectAt(value, 'accounts')).filter(([, policy]) => isObject(policy)),
    ) as Record<string, JsonObject>,
  };
};

const exportsOf = (env: Readonly<Record<string, string>>): string =>
  Object.entries(env)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`)
    .join('\n');

export const run = async (_args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as SandboxArguments;
  const session = openSession(options);
  if (options.inventory !== undefined && options.scenario !== undefined) {
    throw new RoleliftError(
      {
        code: 'RL606',
        message: '--inventory and --scenario exclude each other',
        remedy: 'Give one of them.',
        fault: 'user',
      },
      { exit: 64 },
    );
  }
  const scenario =
    options.inventory === undefined
      ? await loadScenario(options.scenario ?? 'demo')
      : twinOf(
          parseInventory(
            parseJson(await readText(options.inventory, 'the inventory'), options.inventory),
            options.inventory,
          ),
        );
  const authorise =
    options.authorise === undefined
      ? null
      : authoriseOf(parseJson(await readText(options.authorise, 'the policy'), options.authorise), options.authorise);
  const sandbox = createSandbox({
    scenario,
    settings: {
      useEveryMs,
      latencyMs: options.latency,
      consistencyDelayMs: options.consistencyDelay,
      rates: options.rate,
    },
    ...(authorise === null ? {} : { authorise }),
  });
  const served = await serve(sandbox, options.port === undefined ? {} : { port: options.port });
  const env = exportsOf(served.env);
  if (options.writeEnv !== undefined)
    await writeFileAtomically(options.writeEnv, `${env}\n`).catch(async (thrown: unknown) => {
      await served.close();
      throw thrown;
    });
  session.host.result(options.json ? JSON.stringify(served.env) : env);
  await new Promise<void>((resolve) => {
    if (session.stopping.aborted) resolve();
    else session.stopping.addEventListener('abort', () => resolve(), { once: true });
  });
  await served.close();
  await session.host.close();
  // Ending it is what one does with it.
  return 0;
};
