import { explanationOf, explanations } from '../../findings/explain.js';
import { RoleliftError } from '../../model/error.js';
import { wrap } from '../../model/text.js';
import { table } from '../../report/table.js';
import { type GlobalOptions, openSession } from '../session.js';

export const run = async (args: readonly string[], options: Record<string, unknown>): Promise<number> => {
  const session = openSession(options as unknown as GlobalOptions);
  const { host } = session;
  const [code] = args;
  if (code === undefined) {
    const all = explanations;
    if (session.options.json) host.result(JSON.stringify(all, null, 2));
    else {
      host.result(
        table(
          all,
          [
            { title: 'code', cell: (row) => row.code },
            { title: 'name', cell: (row) => row.name, gives: 1, least: 16 },
            { title: 'kind', cell: (row) => row.severity ?? 'error' },
            { title: 'says', cell: (row) => row.says, gives: 2, least: 20 },
          ],
          host.width,
          host.style.dim,
        ),
      );
    }
    return 0;
  }
  const found = explanationOf(code.toUpperCase());
  if (found === null) {
    throw new RoleliftError(
      {
        code: 'RL605',
        message: `there is no code ${code}`,
        cause: 'it is neither a finding nor an error of this version',
        remedy: 'rolelift explain lists all codes.',
        fault: 'user',
      },
      { exit: 64 },
    );
  }
  if (session.options.json) host.result(JSON.stringify(found, null, 2));
  else {
    const { style, width } = host;
    const paragraphs = found.explain.split(/\n\s*\n/).map((paragraph) => wrap(paragraph, Math.min(width, 80)));
    host.result(
      [
        `${style.bold(found.code)} ${found.name}${found.severity === null ? '' : style.dim(` (${found.severity})`)}`,
        wrap(found.says, Math.min(width, 80)),
        ...paragraphs,
        wrap(`What to do: ${found.remedy}`, Math.min(width, 80)),
      ].join('\n\n'),
    );
  }
  return 0;
};
