import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalDocument,
  canonicalStatement,
  parseTrust,
  type Statement,
  sameTrust,
  sizeOf,
} from '../../src/trust/document.js';
import { addStatement, addStatements, contains, removeStatement } from '../../src/trust/edit.js';
import { mayAssume } from '../../src/trust/evaluate.js';
import { restore } from '../../src/trust/restore.js';
import { isOurs, statementFor } from '../../src/trust/statement.js';
import { matchesWildcard } from '../../src/trust/wildcard.js';

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/);
const account = fc.constantFrom('111122223333', '999988887777');
const arn = fc.tuple(account, name).map(([id, role]) => `arn:aws:iam::${id}:role/${role}`);
const oneOrMore = <T>(one: fc.Arbitrary<T>) => fc.oneof(one, fc.array(one, { minLength: 1, maxLength: 3 }));
const principal = fc.oneof(
  fc.constant('*'),
  oneOrMore(arn).map((AWS) => ({ AWS })),
  fc.constantFrom('ec2.amazonaws.com', 'pods.eks.amazonaws.com').map((Service) => ({ Service })),
);
const condition = fc.dictionary(
  fc.constantFrom('StringEquals', 'StringLike', 'Bool', 'ForAnyValue:StringLike'),
  fc.dictionary(fc.constantFrom('sts:ExternalId', 'aws:PrincipalArn', 'k'), oneOrMore(fc.string({ maxLength: 8 })), {
    minKeys: 1,
    maxKeys: 2,
    noNullPrototype: true,
  }),
  { minKeys: 1, maxKeys: 2, noNullPrototype: true },
);
const foreign: fc.Arbitrary<Statement> = fc
  .record(
    {
      Sid: fc.stringMatching(/^[A-QS-Za-z0-9]{1,10}$/),
      Effect: fc.constantFrom('Allow', 'Deny'),
      Principal: principal,
      Action: oneOrMore(fc.constantFrom('sts:AssumeRole', 'sts:TagSession', 'sts:*')),
      Condition: condition,
    },
    { requiredKeys: ['Effect', 'Principal', 'Action'], noNullPrototype: true },
  )
  .map((one) => one as unknown as Statement);
const text = fc
  .tuple(fc.array(foreign, { minLength: 1, maxLength: 5 }), fc.integer({ min: 0, max: 4 }), fc.boolean(), fc.boolean())
  .map(([statements, indent, encoded, single]) => {
    const body = single && statements.length === 1 ? statements[0] : statements;
    const plain = JSON.stringify({ Version: '2012-10-17', Statement: body }, null, indent);
    return encoded ? encodeURIComponent(plain) : plain;
  });
const ours = fc
  .record({
    mechanism: fc.constantFrom('irsa' as const, 'pod-identity' as const),
    namespace: name,
    serviceAccount: name,
  })
  .map((one) =>
    statementFor({
      ...one,
      providerArn: 'arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE',
      clusterArn: 'arn:aws:eks:eu-west-1:111122223333:cluster/prod',
    }),
  );
const limit = fc.oneof(fc.constant(undefined), fc.integer({ min: 200, max: 2_048 }));

const statementsIn = (given: string): readonly Statement[] => {
  const document = parseTrust(given);
  return document.is === 'document' ? document.statements : [];
};
const foreignIn = (given: string) =>
  statementsIn(given)
    .filter((one) => !isOurs(one))
    .map((one) => JSON.stringify(one));

describe('trust policies, whatever they hold', () => {
  it('come back canonically equal when what was added is removed, and byte for byte when restored', () => {
    fc.assert(
      fc.property(text, ours, (before, statement) => {
        const added = addStatement(before, statement);
        fc.pre(added.is === 'changed');
        if (added.is !== 'changed') return;
        const removed = removeStatement(added.text, statement);
        expect(removed.is === 'changed' && sameTrust(removed.text, before)).toBe(true);
        const restored = restore({ before, after: added.text, live: added.text, statement });
        expect(restored.is).toBe('exact');
        const document = parseTrust(before);
        if (restored.is === 'exact' && document.is === 'document') expect(restored.text).toBe(document.text);
      }),
    );
  });

  it('take a statement once, however often it is added, and never touch a foreign one', () => {
    fc.assert(
      fc.property(text, fc.array(ours, { minLength: 1, maxLength: 5 }), limit, (before, statements, max) => {
        let now = before;
        for (const statement of [...statements, ...statements]) {
          const added = addStatement(now, statement, max === undefined ? {} : { limit: max });
          if (added.is === 'refused') {
            expect(added.reason).toBe('too-large');
            continue;
          }
          if (added.is === 'changed') {
            expect(added.size).toBe(sizeOf(added.text));
            if (max !== undefined) expect(added.size).toBeLessThanOrEqual(max);
          }
          expect(contains(added.text, statement)).toBe(true);
          expect(addStatement(added.text, statement).is).toBe('already');
          now = added.text;
        }
        expect(foreignIn(now)).toEqual(foreignIn(before));
        const sids = statementsIn(now)
          .filter(isOurs)
          .map((one) => one.Sid);
        expect(new Set(sids).size).toBe(sids.length);
      }),
    );
  });

  it('become the same, and are refused at the same statement, when several are added together', () => {
    fc.assert(
      fc.property(
        text,
        fc.array(ours, { maxLength: 5 }),
        fc.integer({ min: 200, max: 4_096 }),
        (before, wanted, max) => {
          let now = before;
          let size: number | null = null;
          let refusal: object | null = null;
          for (const [index, statement] of wanted.entries()) {
            const added = addStatement(now, statement, { limit: max });
            if (added.is === 'refused') {
              refusal = { ...added, index };
              break;
            }
            now = added.text;
            size = added.size;
          }
          expect(addStatements(before, wanted, { limit: max })).toEqual(refusal ?? { is: 'fits', text: now, size });
        },
      ),
    );
  });

  it('change by one statement, or by one value in one that is ours, and by nothing else', () => {
    fc.assert(
      fc.property(text, fc.array(ours, { minLength: 1, maxLength: 4 }), limit, (before, statements, max) => {
        let now = before;
        for (const statement of statements) {
          const added = addStatement(now, statement, max === undefined ? {} : { limit: max });
          if (added.is !== 'changed') continue;
          const [old, fresh] = [statementsIn(now), statementsIn(added.text)].map((list) =>
            list.map((one) => canonicalStatement(one)),
          ) as [string[], string[]];
          const gone = old.filter((one) => !fresh.includes(one));
          const come = fresh.filter((one) => !old.includes(one));
          expect(come).toHaveLength(1);
          expect(gone).toHaveLength(added.joined ? 1 : 0);
          if (added.joined) {
            expect(isOurs(JSON.parse(gone[0] as string))).toBe(true);
            expect((come[0] as string).length).toBeGreaterThan((gone[0] as string).length);
          }
          now = added.text;
        }
      }),
    );
  });

  it('hold one statement a namespace under Pod Identity, however many accounts there are', () => {
    const name = fc.constantFrom('one', 'two', 'three', 'four');
    fc.assert(
      fc.property(
        text,
        fc.array(fc.tuple(fc.constantFrom('shop', 'depot'), name), { maxLength: 8 }),
        (before, pairs) => {
          const clusterArn = 'arn:aws:eks:eu-west-1:111122223333:cluster/prod';
          const statements = pairs.map(([namespace, serviceAccount]) =>
            statementFor({ mechanism: 'pod-identity', clusterArn, namespace, serviceAccount }),
          );
          const oursBefore = statementsIn(before).filter(isOurs).length;
          let now = before;
          for (const statement of statements) {
            const added = addStatement(now, statement);
            if (added.is !== 'refused') now = added.text;
          }
          for (const statement of statements) expect(contains(now, statement)).toBe(true);
          expect(statementsIn(now).filter(isOurs).length - oursBefore).toBeLessThanOrEqual(
            new Set(pairs.map(([namespace]) => namespace)).size,
          );
        },
      ),
    );
  });

  it('are what they were after all is undone in any order, joined lists included', () => {
    fc.assert(
      fc.property(
        text,
        fc.uniqueArray(ours, { minLength: 1, maxLength: 5, selector: (one) => canonicalStatement(one) }),
        limit,
        fc.func(fc.nat()),
        (before, statements, max, order) => {
          let now = before;
          const done = statements.filter((statement) => {
            const added = addStatement(now, statement, max === undefined ? {} : { limit: max });
            if (added.is === 'changed') now = added.text;
            return added.is === 'changed';
          });
          for (const statement of [...done].sort((left, right) => order(left) - order(right))) {
            const removed = removeStatement(now, statement);
            expect(removed.is).toBe('changed');
            if (removed.is === 'changed') now = removed.text;
            expect(contains(now, statement)).toBe(false);
          }
          expect(sameTrust(now, before)).toBe(true);
        },
      ),
    );
  });

  it('admit after an addition whom they admitted before', () => {
    fc.assert(
      fc.property(text, ours, arn, (before, statement, caller) => {
        const added = addStatement(before, statement);
        fc.pre(added.is === 'changed');
        if (added.is !== 'changed') return;
        const request = { action: 'sts:AssumeRole', principalArn: caller };
        expect(mayAssume(parseTrust(added.text), request)).toBe(mayAssume(parseTrust(before), request));
      }),
    );
  });

  it('have one canonical form, whatever the order and the white space', () => {
    fc.assert(
      fc.property(
        fc.array(foreign, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 0, max: 4 }),
        (statements, indent) => {
          const one = parseTrust(JSON.stringify({ Version: '2012-10-17', Statement: statements }));
          const other = parseTrust(
            JSON.stringify({ Statement: [...statements].reverse(), Version: '2012-10-17' }, null, indent),
          );
          if (one.is !== 'document' || other.is !== 'document') throw new Error('unreadable');
          expect(canonicalDocument(one)).toBe(canonicalDocument(other));
          expect(sizeOf(one.text)).toBe(sizeOf(other.text));
        },
      ),
    );
  });
});

describe('wildcards', () => {
  it('match as the plain reading of the pattern does', () => {
    const piece = fc.constantFrom('a', 'b', '*', '?');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.stringMatching(/^[ab]{0,8}$/), (pattern, given) => {
        const plain = new RegExp(`^${pattern.map((one) => (one === '*' ? '.*' : one === '?' ? '.' : one)).join('')}$`);
        expect(matchesWildcard(pattern.join(''), given)).toBe(plain.test(given));
      }),
    );
  });

  it('take no time over patterns that make others backtrack', () => {
    expect(matchesWildcard(`${'*a'.repeat(200)}b`, 'a'.repeat(5_000))).toBe(false);
  });
});
