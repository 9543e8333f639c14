import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutFieldSets } from '../../src/clients/list-text.js';

const sieved = (text: string): string => withoutFieldSets(Buffer.from(text)).toString();

const set = (fields: unknown) => ({ manager: 'eks', fieldsType: 'FieldsV1', fieldsV1: fields, time: 't' });
const emptied = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(emptied)
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(
          Object.entries(value).map(([key, inner]) => [
            key,
            key === 'fieldsV1' && typeof inner === 'object' && !Array.isArray(inner) ? {} : emptied(inner),
          ]),
        )
      : value;

describe('a list without field sets', () => {
  it('loses the sets and nothing else, whatever stands in them and around them', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('"', '\\', '\\"', '{', '}', '"fieldsType":"FieldsV1","fieldsV1":{', '}\\'),
    );
    const fields = fc.dictionary(hostile, fc.dictionary(hostile, fc.oneof(hostile, fc.constant({}))));
    fc.assert(
      fc.property(fc.array(fc.tuple(hostile, fields, hostile), { maxLength: 6 }), (items) => {
        const list = {
          items: items.map(([before, inner, behind]) => ({
            metadata: { annotations: { a: before }, managedFields: [set(inner)] },
            status: behind,
          })),
        };
        expect(JSON.parse(sieved(JSON.stringify(list)))).toEqual(emptied(JSON.parse(JSON.stringify(list))));
      }),
      { numRuns: 300 },
    );
  });

  it('leaves alone what is cut off, or is no object', () => {
    for (const text of [
      '',
      '{}',
      '{"fieldsType":"FieldsV1","fieldsV1":{"a":{',
      '{"fieldsType":"FieldsV1","fieldsV1":{"a',
      '{"fieldsType":"FieldsV1","fieldsV1":null}',
      '{"fieldsV1":{"a":1}}',
    ])
      expect(sieved(text)).toBe(text);
  });
});
