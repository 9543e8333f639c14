import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { planSchema } from '../../src/model/plan.js';

const root = path.resolve(import.meta.dirname, '../..');

describe('the JSON Schema of plan.json', () => {
  // After a change of the schema: npx vitest run test/model/plan-schema.test.ts -u
  it('is the one that the program validates with', async () => {
    const schema = {
      $id: 'https://rolelift.dev/schema/plan-1.json',
      title: 'rolelift.plan/1',
      ...z.toJSONSchema(planSchema),
    };
    await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(
      path.join(root, 'examples/plan.schema.json'),
    );
  });

  it('ships with the package under an address of its own', () => {
    const made = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      exports: Record<string, unknown>;
      files: string[];
    };
    expect(made.exports['./plan.schema.json']).toBe('./examples/plan.schema.json');
    expect(made.files).toContain('examples');
  });
});
