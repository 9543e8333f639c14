import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { scan } from '../../src/scan/collect.js';
import { parseInventory, readInventory } from '../../src/scan/inventory-file.js';
import { fakeClients } from '../helpers/fake-clients.js';
import { kiamWorld, scanOptions } from './estate.js';

const recorded = async () => JSON.parse(JSON.stringify(await scan(fakeClients(kiamWorld()), scanOptions)));

describe('a recorded inventory', () => {
  it('comes back as it was written', async () => {
    const value = await recorded();
    const folder = await mkdtemp(path.join(tmpdir(), 'inventory-'));
    await writeFile(path.join(folder, 'inventory.json'), JSON.stringify(value));
    expect(await readInventory(path.join(folder, 'inventory.json'))).toEqual(value);
    await writeFile(path.join(folder, 'broken.json'), '{');
    await expect(readInventory(path.join(folder, 'broken.json'))).rejects.toMatchObject({ data: { code: 'RL604' } });
    await expect(readInventory(path.join(folder, 'none.json'))).rejects.toMatchObject({ data: { code: 'RL603' } });
    await rm(folder, { recursive: true });
  });

  it('is refused with the path of what is wrong', async () => {
    const value = await recorded();
    value.workloads[0].template.containers[0].name = 7;
    expect(() => parseInventory(value, 'x.json')).toThrowError(
      /x\.json.*\/workloads\/0\/template\/containers\/0\/name/,
    );
  });

  it.each([null, 3, [], {}, { format: 'rolelift.plan/1' }])('is not %j', (value) => {
    expect(() => parseInventory(value)).toThrowError(
      expect.objectContaining({ data: expect.objectContaining({ code: 'RL618' }) }),
    );
  });
});
