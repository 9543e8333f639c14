import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admit } from '../../src/identity/admit.js';
import { answer, heldRole } from '../../src/identity/answer.js';
import { worldOf } from '../../src/identity/world.js';
import type { BrokerInstall, ContainerView, Inventory, PodView, Role } from '../../src/model/inventory.js';
import { statementFor } from '../../src/trust/statement.js';
import {
  arn,
  association,
  clusterArn,
  container,
  estate,
  kiam,
  kube2iam,
  mayAssumeAll,
  node,
  nodeRole,
  pod,
  policy,
  provider,
  role,
  serviceAccount,
  trusting,
} from './estate.js';

const names = ['app', 'other', 'gone'] as const;
const text = fc.constantFrom(
  'app',
  '/app',
  'other',
  'gone',
  '',
  '//app',
  arn('app'),
  'arn:aws:iam::999988887777:role/far',
);
const expression = fc.constantFrom('.*', '.*', '.*', '.*', '.*/app', '', 'app', '(', '["app"]', '["*"]');
const rare = fc
  .subarray(
    [
      ...[arn('kiam-server'), arn('node')].map((AWS) => ({
        Effect: 'Allow',
        Principal: { AWS },
        Action: 'sts:AssumeRole',
      })),
      statementFor({ mechanism: 'irsa', providerArn: provider, namespace: 'payments', serviceAccount: 'api' }),
      statementFor({ mechanism: 'pod-identity', clusterArn, namespace: 'payments', serviceAccount: 'api' }),
      { Effect: 'Deny', Principal: { AWS: arn('node') }, Action: 'sts:*' },
    ] as object[],
    { minLength: 1 },
  )
  .map((statements) => policy(...statements));
const trust = fc.oneof(
  { weight: 2, arbitrary: fc.constant(trusting(arn('kiam-server'), arn('node'))) },
  { weight: 1, arbitrary: rare },
);
/** True three times out of four, so that estates work more often than not. */
const mostly = fc.constantFrom(true, true, true, false);
const brokers: fc.Arbitrary<BrokerInstall[]> = fc.constantFrom(
  [kiam()],
  [kiam({ nodes: ['one'] })],
  [kiam({ rules: 'kiam-v3' })],
  [kube2iam()],
  [kube2iam({ flags: { 'default-role': 'app', 'namespace-restrictions': 'true' } })],
  [kiam(), kube2iam()],
  [],
);
const roles: fc.Arbitrary<Role[]> = fc
  .tuple(trust, trust, fc.boolean())
  .map(([one, other, may]) => [
    role('kiam-server', may ? { inline: mayAssumeAll } : {}),
    nodeRole,
    role('app', { trust: one }),
    role('other', { trust: other }),
  ]);
const containers: fc.Arbitrary<ContainerView[]> = fc.array(
  fc
    .record({
      identityEnv: fc.oneof(
        { weight: 3, arbitrary: fc.constant({}) },
        {
          weight: 1,
          arbitrary: fc.dictionary(
            fc.constantFrom(
              'AWS_ROLE_ARN',
              'AWS_WEB_IDENTITY_TOKEN_FILE',
              'AWS_REGION',
              'AWS_CONTAINER_CREDENTIALS_FULL_URI',
            ),
            fc.constantFrom(arn('app'), '/x', 'http://169.254.170.23/v1/credentials'),
            { noNullPrototype: true },
          ),
        },
      ),
      kind: fc.constantFrom('init' as const, 'normal' as const),
      keys: fc.integer({ min: 0, max: 9 }).map((one) => one === 0),
    })
    .map(({ identityEnv, kind, keys }) =>
      container({
        identityEnv,
        kind,
        env: [...Object.keys(identityEnv), ...(keys ? ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] : [])],
      }),
    ),
  { minLength: 1, maxLength: 3 },
);
const view: fc.Arbitrary<PodView> = fc
  .record({ text: fc.option(text), hostNetwork: mostly.map((one) => !one), containers })
  .map(({ text: asked, ...rest }) =>
    pod({ ...rest, annotations: asked === null ? {} : { 'iam.amazonaws.com/role': asked } }),
  );
const inventory: fc.Arbitrary<Inventory> = fc
  .record({ brokers, roles, expression, bound: fc.boolean(), associated: fc.boolean(), hop: fc.constantFrom(1, 2) })
  .map(({ expression: permitted, bound, associated, hop, ...rest }) =>
    estate({
      ...rest,
      namespaces: [
        {
          name: 'payments',
          uid: '',
          labels: {},
          annotations: { 'iam.amazonaws.com/permitted': permitted, 'iam.amazonaws.com/allowed-roles': permitted },
        },
      ],
      serviceAccounts: [serviceAccount(bound ? { 'eks.amazonaws.com/role-arn': arn('app') } : {})],
      associations: associated ? [association()] : [],
      nodes: [node('one', { hopLimit: hop }), node('two')],
      rolesMissing: [arn('gone')],
    }),
  );
const place = fc.constantFrom({ node: null }, { node: 'one' }, { node: 'two' });

describe('generated estates', () => {
  it('are answered always, and twice alike', () => {
    fc.assert(
      fc.property(inventory, view, place, (found, given, where) => {
        const one = answer(admit(given, worldOf(found)), worldOf(found), where);
        expect(answer(admit(given, worldOf(found)), worldOf(found), where)).toEqual(one);
        expect(one.perContainer.map((each) => each.container)).toEqual(given.containers.map((each) => each.name));
      }),
    );
  });

  it('never hold a role that is missing, refused or only wished for', () => {
    fc.assert(
      fc.property(inventory, view, place, (found, given, where) => {
        const world = worldOf(found);
        const answered = answer(admit(given, world), world, where);
        const held = heldRole(answered);
        if (held === null) return;
        expect(answered.certainty).toBe('known');
        expect(answered.wins?.assumable).toBe('yes');
        expect(held).not.toBe(arn('gone'));
        expect(world.role(held)?.arn).toBe(held);
      }),
    );
  });

  it('lose a role through a broker when the trust of that role admits nobody', () => {
    fc.assert(
      fc.property(inventory, view, place, (found, given, where) => {
        const shut = worldOf(found).withEdits(
          names.map((name) => ({ kind: 'set-trust', role: arn(name), trust: trusting(arn('nobody')) })),
        );
        const answered = answer(given, shut, where);
        const source = answered.wins?.source.kind;
        if (source === 'kiam' || source === 'kube2iam') expect(heldRole(answered)).toBeNull();
      }),
    );
  });

  it('often do give a role through a broker, so that the laws above say something', () => {
    const given = fc.sample(fc.tuple(inventory, view, place), { numRuns: 300, seed: 7 });
    const through = given.filter(([found, asked, where]) => {
      const answered = answer(asked, worldOf(found), where);
      return heldRole(answered) !== null && answered.wins?.source.kind.startsWith('k');
    });
    expect(through.length).toBeGreaterThan(10);
  });

  it('are admitted once: a second look of the webhook changes nothing', () => {
    fc.assert(
      fc.property(inventory, view, (found, given) => {
        const world = worldOf(found);
        const once = admit(given, world);
        expect(admit(once, world)).toEqual(once);
      }),
    );
  });
});
