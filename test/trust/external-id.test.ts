import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTrust, sameTrust } from '../../src/trust/document.js';
import { addStatement, targetStatementFor } from '../../src/trust/edit.js';
import { mayAssume } from '../../src/trust/evaluate.js';
import { narrow, narrowness, widen } from '../../src/trust/external-id.js';

const chain = 'arn:aws:iam::111122223333:role/rolelift-prod-shop.api';
const ours = targetStatementFor({ associationRole: chain });
const kiam = JSON.stringify({
  Version: '2012-10-17',
  Statement: { Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::111122223333:role/kiam' }, Action: 'sts:AssumeRole' },
});
const begun = addStatement(kiam, ours) as { readonly text: string };
const id = 'eu-west-1/111122223333/prod/a-1';
const changed = (result: ReturnType<typeof narrow>): string => {
  if (result.is !== 'changed') throw new Error(result.is);
  return result.text;
};

describe('the external id of an association', () => {
  it('is asked of whoever assumes the role, and not of the tags that go with it', () => {
    const narrowed = changed(narrow(begun.text, ours, id));
    const ask = (action: string, externalId: string | null) =>
      mayAssume(parseTrust(narrowed), { action, principalArn: chain, externalId });
    expect(ask('sts:AssumeRole', id)).toBe('yes');
    expect(ask('sts:AssumeRole', 'another')).toBe('no');
    expect(ask('sts:AssumeRole', null)).toBe('no');
    expect(ask('sts:TagSession', null)).toBe('yes');
    expect(narrowness(narrowed, ours, id)).toBe('narrowed');
    expect(narrowness(narrowed, ours, 'another')).toBe('other-id');
  });

  it('touches no statement of another hand, even one that says the same', () => {
    const { Sid: _ours, ...theirs } = ours;
    const text = JSON.stringify({ Version: '2012-10-17', Statement: [theirs] });
    expect(narrow(text, ours, id).is).toBe('absent');
    expect(widen(text, ours).is).toBe('absent');
    expect(narrow('not a document', ours, id).is).toBe('refused');
  });

  it('is taken out again whatever it was, and whatever stands around it', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 2, maxLength: 40, unit: 'grapheme-ascii' }),
        fc.array(fc.constantFrom('One', 'Two', 'Three'), { maxLength: 3 }),
        (externalId, others) => {
          const document = JSON.parse(begun.text) as { Statement: unknown[] };
          for (const name of others)
            document.Statement.push({
              Sid: name,
              Effect: 'Allow',
              Principal: { AWS: `arn:aws:iam::999988887777:role/${name}` },
              Action: 'sts:AssumeRole',
            });
          const before = JSON.stringify(document);
          const after = changed(widen(changed(narrow(before, ours, externalId)), ours));
          expect(sameTrust(after, before)).toBe(true);
          expect(narrowness(after, ours, null)).toBe('open');
        },
      ),
    );
  });
});
