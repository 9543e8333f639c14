import path from 'node:path';
import { usesText } from '../../report/uses.js';
import { connectTo, scanLive } from '../live.js';
import { files, folderName, saveJson } from '../plan-directory.js';
import { type GlobalOptions, openSession } from '../session.js';
import { shownPath } from '../shown-path.js';
import { useRows } from '../use-rows.js';

interface ScanArguments extends GlobalOptions {
  readonly aws: boolean;
  readonly oidcIssuer?: string;
}

export const run = async (_args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as ScanArguments;
  const session = openSession(options);
  const clients = await connectTo(session);
  const inventory = await scanLive(session, clients, { noAws: !options.aws, oidcIssuer: options.oidcIssuer });
  const directory = path.resolve(options.out ?? path.join('plans', folderName(inventory.cluster.name)));
  await saveJson(directory, files.inventory, inventory);
  await session.host.pause();
  if (options.json) session.host.result(JSON.stringify(inventory));
  else {
    session.host.result(usesText(inventory, useRows(inventory), session.host.style, session.host.width));
    session.host.result(session.host.style.dim(`\nwritten: ${shownPath(path.join(directory, files.inventory))}`));
  }
  await session.host.close();
  return 0;
};
