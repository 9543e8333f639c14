import { describe, expect, it } from 'vitest';
import { canonicalStatement, parseTrust, sameStatement, sameTrust, sizeOf } from '../../src/trust/document.js';

const plain = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
};
const text = JSON.stringify(plain);
const read = (given: string) => {
  const document = parseTrust(given);
  if (document.is !== 'document') throw new Error(document.reason);
  return document;
};

describe('reading what IAM returns', () => {
  it('keeps the exact text', () => {
    const spaced = JSON.stringify(plain, null, 4);
    expect(read(spaced).text).toBe(spaced);
  });

  it('reads one statement that is no list', () => {
    const document = read(JSON.stringify({ ...plain, Statement: plain.Statement[0] }));
    expect(document.single).toBe(true);
    expect(document.statements).toHaveLength(1);
  });

  it('decodes only what is no JSON as it stands', () => {
    expect(read(encodeURIComponent(text)).text).toBe(text);
    const percent = JSON.stringify({ ...plain, Id: 'a%20b' });
    expect(read(percent).text).toBe(percent);
    expect(read(encodeURIComponent(percent)).text).toBe(percent);
  });

  it.each([
    ['an empty text', ''],
    ['a list', '[]'],
    ['a text', '"x"'],
    ['no statement', '{"Version":"2012-10-17"}'],
    ['a statement that is a text', '{"Statement":["x"]}'],
    ['broken percent signs', '%7B%zz'],
    ['the same key twice', '{"Statement":[],"Statement":[]}'],
    ['the same key twice deep inside', '{"Statement":[{"Effect":"Deny","Effect":"Allow"}]}'],
    ['the same key twice, once escaped', '{"Statement":[{"Effect":"Deny","\\u0045ffect":"Allow"}]}'],
    ['a reserved key', '{"Statement":[],"__proto__":{}}'],
  ])('refuses %s', (_, given) => {
    expect(parseTrust(given)).toMatchObject({ is: 'not-parseable' });
  });

  it('does not take equal keys in two objects for one', () => {
    expect(parseTrust('{"Statement":[{"Effect":"Allow"},{"Effect":"Allow","a":"\\"Effect\\":"}]}').is).toBe('document');
  });
});

describe('comparing statements', () => {
  it('knows the spellings of one statement', () => {
    const one = {
      Sid: 'A',
      Effect: 'Allow',
      Principal: { AWS: ['x', 'y'] },
      Action: ['sts:AssumeRole'],
      Condition: { Bool: { k: true } },
    };
    const other = {
      Sid: 'B',
      Effect: 'Allow',
      Condition: { Bool: { k: ['true'] } },
      Action: 'STS:assumerole',
      Principal: { AWS: ['y', 'x', 'x'] },
    };
    expect(sameStatement(one, other)).toBe(true);
    expect(sameStatement(one, other, { sid: true })).toBe(false);
    expect(canonicalStatement(one, { sid: false })).toBe(canonicalStatement(other, { sid: false }));
  });

  it('keeps apart what differs', () => {
    const one = { Effect: 'Allow', Principal: { AWS: 'x' }, Action: 'sts:AssumeRole' };
    expect(sameStatement(one, { ...one, Effect: 'Deny' })).toBe(false);
    expect(sameStatement(one, { ...one, Principal: { AWS: 'X' } })).toBe(false);
    expect(sameStatement(one, { ...one, Condition: { StringEquals: { a: 'b' } } })).toBe(false);
    expect(sameStatement(one, { Effect: 'Allow', NotPrincipal: { AWS: 'x' }, Action: 'sts:AssumeRole' })).toBe(false);
  });

  it('takes "*" and {"AWS": "*"} for the same principal', () => {
    const one = { Effect: 'Allow', Principal: '*', Action: 'sts:AssumeRole' };
    expect(sameStatement(one, { ...one, Principal: { AWS: ['*'] } })).toBe(true);
  });

  it('does not mind order, white space, encoding and the form of Statement in documents', () => {
    const two = {
      Version: '2012-10-17',
      Statement: [plain.Statement[0], { Effect: 'Deny', Principal: '*', Action: '*' }],
    };
    const turned = { Statement: [two.Statement[1], two.Statement[0]], Version: '2012-10-17' };
    expect(sameTrust(JSON.stringify(two), encodeURIComponent(JSON.stringify(turned, null, 1)))).toBe(true);
    expect(sameTrust(text, JSON.stringify({ ...plain, Statement: plain.Statement[0] }))).toBe(true);
    expect(sameTrust(text, JSON.stringify(two))).toBe(false);
    expect(sameTrust(text, JSON.stringify({ ...plain, Version: '2008-10-17' }))).toBe(false);
    expect(sameTrust('nonsense', 'nonsense')).toBe(true);
    expect(sameTrust('nonsense', text)).toBe(false);
  });
});

describe('the size that counts', () => {
  it('leaves white space between tokens out, and decodes first', () => {
    expect(sizeOf(JSON.stringify(plain, null, 8))).toBe(text.length);
    expect(sizeOf(encodeURIComponent(text))).toBe(text.length);
  });

  it('counts white space inside strings', () => {
    expect(sizeOf('{ "Statement": [], "Id": "a b" }')).toBe('{"Statement":[],"Id":"a b"}'.length);
    expect(sizeOf('{ "Statement": [], "Id": "a\\" b" }')).toBe('{"Statement":[],"Id":"a\\" b"}'.length);
  });
});
