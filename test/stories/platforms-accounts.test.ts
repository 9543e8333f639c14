import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { runbook } from '../../src/report/runbook.js';
import {
  appRole,
  away,
  deployment,
  estate,
  home,
  migrator,
  namespace,
  roleIn,
  serviceAccount,
} from '../helpers/platforms.js';
import { World } from '../helpers/world.js';

const near = roleIn('aws', home, 'web');
const far = roleIn('aws', away, 'api');
const twoAccounts = () =>
  estate({
    roles: [appRole('aws', 'web')],
    others: { [away]: { roles: [appRole('aws', 'api'), migrator('aws')] } },
    objects: [
      namespace('shop', { 'iam.amazonaws.com/permitted': '.*' }),
      serviceAccount('shop', 'api'),
      serviceAccount('shop', 'web'),
      deployment('shop', 'api', { annotations: { 'iam.amazonaws.com/role': far } }),
      deployment('shop', 'web', { annotations: { 'iam.amazonaws.com/role': 'web' } }),
    ],
  });

describe.each(['irsa', 'pod-identity'] as const)('without credentials for another account, towards %s', (target) => {
  it('blocks that account’s moves alone, and tells its owner what to run', async () => {
    const world = await World.of(twoAccounts(), { watched: ['shop'] });
    const before = world.estate();
    const plan = await world.planned({ target, sdkKnown: ['*'] });
    expect(plan.moves.map(({ id, blocked }) => [id, blocked])).toEqual([
      ['move:shop/api', true],
      ['move:shop/web', false],
    ]);
    const told = plan.findings.find(({ code }) => code === 'RL303');
    const commands = told?.evidence.commands as readonly string[];
    expect(commands.map((command) => /^aws iam ([a-z-]+)/.exec(command)?.[1])).toEqual(
      target === 'irsa' ? ['add-client-id-to-open-id-connect-provider', 'get-role'] : ['get-role'],
    );
    expect(runbook(plan, 'plans/prod')).toContain(commands.at(-1));
    for (const command of commands) expect(execFileSync('sh', ['-n', '-c', command]).toString()).toBe('');
    expect((await world.apply()).failures).toEqual([]);
    expect(world.identities('shop')).toEqual([
      `api kiam ${far}`,
      `web ${target === 'irsa' ? 'web-identity' : 'container-credentials'} ${near}`,
    ]);
    expect((await world.rollback()).exit).toBe(0);
    expect(world.estate()).toEqual(before);
  });
});

describe('each step', () => {
  it('says whose credentials make it', async () => {
    const world = await World.of(twoAccounts(), { accountRoles: { [away]: roleIn('aws', away, 'migrator') } });
    const plan = await world.planned({ target: 'irsa' });
    const accounts = plan.steps.flatMap(({ kind, target }) =>
      'account' in target ? [`${kind} ${target.account}`] : [],
    );
    expect([...new Set(accounts)].sort()).toEqual(
      [
        `add-trust-statement ${home}`,
        `add-trust-statement ${away}`,
        `create-oidc-provider ${home}`,
        `create-oidc-provider ${away}`,
      ].sort(),
    );
    expect(plan.moves.map(({ why }) => why.includes(`made with role:${roleIn('aws', away, 'migrator')}`))).toEqual([
      true,
      false,
    ]);
    expect(plan.findings.find(({ code }) => code === 'RL303')?.message).toContain(
      `made with role:${roleIn('aws', away, 'migrator')}`,
    );
  });
});

describe('--role-mode new', () => {
  const boundary = `arn:aws:iam::${home}:policy/limits`;
  const whole = () =>
    estate({
      roles: [
        appRole('aws', 'api', {
          path: '/team/',
          description: 'reads one bucket',
          attached: ['AmazonS3ReadOnlyAccess', 'limits'],
          boundary,
          maxSessionSeconds: 7200,
          tags: { team: 'shop', 'aws:cloudformation:stack-name': 'never copied' },
        }),
      ],
      home: {
        policies: [
          {
            name: 'limits',
            document: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] },
          },
        ],
      },
      objects: [
        namespace('shop', { 'iam.amazonaws.com/permitted': '.*' }),
        serviceAccount('shop', 'api'),
        deployment('shop', 'api', { annotations: { 'iam.amazonaws.com/role': 'team/api' } }),
      ],
    });

  it.each(['irsa', 'pod-identity'] as const)(
    'makes a role of the same kind for one account alone, towards %s',
    async (target) => {
      const world = await World.of(whole(), { watched: ['shop'] });
      const before = world.estate();
      const old = `arn:aws:iam::${home}:role/team/api`;
      const blocked = await world.planned({ target, roleMode: 'new', sdkKnown: ['*'], iac: [`${old}=none`] });
      // What others granted to the old ARN is lost: a person accepts that by name (H14).
      expect(blocked.findings.filter(({ code }) => code === 'RL310').map(({ severity }) => severity)).toEqual([
        'block',
      ]);
      expect(blocked.moves[0]?.blocked).toBe(true);
      const plan = await world.planned({
        target,
        roleMode: 'new',
        sdkKnown: ['*'],
        iac: [`${old}=none`],
        accept: [`RL310:${home}/api`],
      });
      expect(plan.moves[0]?.blocked).toBe(false);
      const made = plan.moves[0]?.to?.role ?? '';
      expect(made).toMatch(new RegExp(`^arn:aws:iam::${home}:role/team/[\\w+=,.@-]{1,64}$`));
      expect((await world.apply()).failures).toEqual([]);
      expect((await world.retire()).failures).toEqual([]);
      const [found, source] = [world.sandbox.world.role(made)!, world.sandbox.world.role(old)!];
      expect(found).toMatchObject({
        path: '/team/',
        description: source.description,
        boundary,
        maxSessionSeconds: 7200,
        attached: [...source.attached].sort(),
        inline: source.inline,
      });
      expect(found.tags).toMatchObject({ team: 'shop' });
      expect(Object.keys(found.tags).filter((key) => key.startsWith('aws:'))).toEqual([]);
      const source_ = target === 'irsa' ? 'web-identity' : 'container-credentials';
      expect(world.identities('shop')).toEqual([`api ${source_} ${made}`]);
      const back = await world.rollback();
      expect([back.failures, back.exit]).toEqual([[], 0]);
      expect(world.identities('shop')).toEqual([`api kiam ${old}`]);
      expect(world.estate()).toEqual(before);
    },
  );

  it('makes it in the other account too, narrowed to the association', async () => {
    const world = await World.of(twoAccounts(), {
      watched: ['shop'],
      accountRoles: { [away]: roleIn('aws', away, 'migrator') },
    });
    const before = world.estate();
    const plan = await world.planned({
      target: 'pod-identity',
      roleMode: 'new',
      sdkKnown: ['*'],
      accept: [`RL310:${away}/api`, `RL310:${home}/web`],
    });
    expect(plan.moves.map(({ blocked }) => blocked)).toEqual([false, false]);
    expect((await world.apply()).failures).toEqual([]);
    const made = plan.moves.find(({ id }) => id === 'move:shop/api')?.to?.role ?? '';
    expect(made).toContain(`:${away}:role/`);
    expect(world.sandbox.world.role(made)?.trust).toContain('sts:ExternalId');
    expect(world.identities('shop')[0]).toBe(`api container-credentials ${made}`);
    expect((await world.rollback()).exit).toBe(0);
    expect(world.estate()).toEqual(before);
  });

  it('names it in 64 characters, the same each time, however long the names are', async () => {
    const name = 'a-service-account-with-a-name-that-is-as-long-as-names-ever-get';
    const world = await World.of(
      estate({
        roles: [appRole('aws', 'an-application-role-with-quite-a-long-name-of-its-own-in-here')],
        objects: [
          namespace('a-namespace-with-a-long-name', { 'iam.amazonaws.com/permitted': '.*' }),
          serviceAccount('a-namespace-with-a-long-name', name),
          deployment('a-namespace-with-a-long-name', 'api', {
            account: name,
            annotations: { 'iam.amazonaws.com/role': 'an-application-role-with-quite-a-long-name-of-its-own-in-here' },
          }),
        ],
      }),
    );
    const made = async () => (await world.planned({ roleMode: 'new' })).moves[0]?.to?.role.split('/').at(-1) ?? '';
    const first = await made();
    expect(first.length).toBeLessThanOrEqual(64);
    expect(first.length).toBeGreaterThan(40);
    expect(await made()).toBe(first);
  });
});
