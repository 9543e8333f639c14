import { readFile } from 'node:fs/promises';
import { RoleliftError } from '../model/error.js';
import { type Inventory, inventorySchema } from '../model/inventory.js';

/**
 * Checks a parsed inventory. Rejects with RL618 (not an inventory of this format) or RL619 (a field is wrong, named by its path).
 * `file` stands in the error only.
 */
export const parseInventory = (value: unknown, file = 'the inventory'): Inventory => {
  const format = typeof value === 'object' && value !== null ? (value as { format?: unknown }).format : undefined;
  if (format !== 'rolelift.inventory/1')
    throw new RoleliftError({
      code: 'RL618',
      message: `${file} is no inventory that this version reads`,
      cause: format === undefined ? 'it has no format' : `its format is ${JSON.stringify(format)?.slice(0, 100)}`,
      remedy: 'Make one with `rolelift scan`.',
      fault: 'user',
    });
  const result = inventorySchema.safeParse(value);
  if (result.success) return result.data as Inventory;
  const issues = result.error.issues.slice(0, 3).map((issue) => `${pathText(issue.path)}: ${issue.message}`);
  throw new RoleliftError({
    code: 'RL619',
    message: `${file} is not a valid inventory: ${issues[0] ?? 'it does not have the right shape'}`,
    cause: issues.join('; '),
    remedy: 'Make it anew with `rolelift scan`; an inventory is not meant to be edited.',
    fault: 'user',
  });
};

const pathText = (path: readonly PropertyKey[]): string => `/${path.map(String).join('/')}`;

/** Reads an inventory from a file; RL603 where it cannot be read, RL604 where it is not JSON. */
export const readInventory = async (file: string): Promise<Inventory> => {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (thrown) {
    throw new RoleliftError(
      {
        code: 'RL603',
        message: `${file} cannot be read`,
        remedy: 'Name a file that `rolelift scan` wrote.',
        fault: 'user',
      },
      { because: thrown },
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw new RoleliftError(
      { code: 'RL604', message: `${file} is not JSON`, remedy: 'Make it anew with `rolelift scan`.', fault: 'user' },
      { because: thrown },
    );
  }
  return parseInventory(value, file);
};
