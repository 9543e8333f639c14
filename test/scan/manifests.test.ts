import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Inventory, inventorySchema } from '../../src/model/inventory.js';
import { type ManifestOptions, readManifests } from '../../src/scan/manifests.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'manifests-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const write = async (name: string, text: string | Uint8Array): Promise<void> => {
  const file = path.join(directory, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
};
const read = (options: Partial<ManifestOptions> = {}): Promise<Inventory> =>
  readManifests(directory, {
    account: '111122223333',
    region: 'eu-west-1',
    oidcIssuer: 'https://oidc.eks.eu-west-1.amazonaws.com/id/X',
    ...options,
  });
const reasons = (inventory: Inventory, file: string): readonly string[] =>
  inventory.gaps.filter(({ area }) => area.startsWith(`manifests:${file}`)).map(({ reason }) => reason);

const deployment = (name: string, rest = ''): string => `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: payments }
spec:
  template:
    metadata: { annotations: { iam.amazonaws.com/role: ${name} } }
    spec:
      serviceAccountName: ${name}
      containers:
        - name: app
          image: example.com/app:1
          env: [ { name: PASSWORD, value: CANARY }, { name: AWS_REGION, value: eu-west-1 } ]
${rest}`;
const kiam = (image: string, args: string): string => `apiVersion: apps/v1
kind: DaemonSet
metadata: { name: kiam-server, namespace: kube-system }
spec:
  template:
    metadata: {}
    spec:
      containers: [ { name: kiam, image: '${image}', command: [/kiam], args: ${args} } ]
`;

describe('manifests read as if they were the cluster', () => {
  it('reads every document of every file, Lists and JSON too', async () => {
    await write('a.yaml', `${deployment('one')}---\n${deployment('two')}---\n# nothing\n`);
    await write(
      'deep/er/b.yml',
      `apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ServiceAccount\n  metadata: {name: one, namespace: payments}\n`,
    );
    await write(
      'c.json',
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'DeploymentList',
        items: [
          { metadata: { name: 'three', namespace: 'payments' }, spec: { template: { spec: { containers: [] } } } },
        ],
      }),
    );
    await write('package.json', '{"name":"x","version":"1"}');
    await write('README.md', 'no manifest');
    const inventory = await read();
    expect(inventorySchema.safeParse(JSON.parse(JSON.stringify(inventory))).error).toBeUndefined();
    expect(inventory.source).toBe('manifests');
    expect(inventory.workloads.map(({ ref }) => ref.name)).toEqual(['one', 'three', 'two']);
    expect(inventory.serviceAccounts.map(({ ref, exists }) => [ref.name, exists])).toEqual([
      ['default', 'assumed'],
      ['one', true],
      ['two', 'assumed'],
    ]);
    expect(JSON.stringify(inventory)).not.toContain('CANARY');
  });

  it('takes the broker, its version and its base ARN from the broker’s own manifest', async () => {
    await write(
      'kiam.yaml',
      kiam('quay.io/uswitch/kiam:v3.6', '[server, --role-base-arn=arn:aws:iam::444455556666:role/]'),
    );
    const inventory = await read({ account: '' });
    expect(inventory.brokers).toMatchObject([
      {
        broker: 'kiam',
        rules: 'kiam-v3',
        version: '3.6',
        nodes: 'all',
        baseArn: 'arn:aws:iam::444455556666:role/',
        assumed: false,
      },
    ]);
    expect(inventory.cluster.accountId).toBe('444455556666');
  });

  it('says as an assumption that an image without a version is kiam v4', async () => {
    await write('kiam.yaml', kiam('quay.io/uswitch/kiam:latest', '[server, --role-base-arn-autodetect]'));
    const inventory = await read();
    expect(inventory.brokers[0]).toMatchObject({
      rules: 'kiam-v4',
      assumed: true,
      baseArn: 'arn:aws:iam::111122223333:role/',
    });
    expect(reasons(inventory, 'broker').join()).toContain('v4');
  });

  it('lets flags say what the manifests do not', async () => {
    await write('a.yaml', deployment('one'));
    const inventory = await read({
      broker: 'kube2iam',
      brokerArgs: '--namespace-restrictions --default-role "fallback"',
      baseRoleArn: 'arn:aws:iam::111122223333:role',
    });
    expect(inventory.brokers).toMatchObject([
      {
        broker: 'kube2iam',
        rules: 'kube2iam',
        flags: { 'namespace-restrictions': 'true', 'default-role': 'fallback' },
        baseArn: 'arn:aws:iam::111122223333:role/',
      },
    ]);
  });

  it('has no broker where neither a manifest nor a flag names one', async () => {
    await write('a.yaml', deployment('one'));
    expect((await read()).brokers).toEqual([]);
  });

  it('names partition and issuer by what it was told', async () => {
    await write('a.yaml', deployment('one'));
    expect((await read({ region: 'cn-north-1' })).cluster.partition).toBe('aws-cn');
    const bare = await readManifests(directory);
    expect(bare.cluster).toMatchObject({ accountId: '', oidcIssuers: [], partition: 'aws' });
    expect(bare.gaps.map(({ area }) => area)).toEqual(
      expect.arrayContaining(['manifests:oidc-issuer', 'manifests:account']),
    );
    await expect(read({ account: '12' })).rejects.toMatchObject({ data: { code: 'RL624' } });
    await expect(readManifests(path.join(directory, 'none'))).rejects.toMatchObject({ data: { code: 'RL623' } });
  });

  it('does not render Helm charts and Kustomize patches, and says so', async () => {
    await write('chart/Chart.yaml', 'name: x\nversion: 1.0.0\n');
    await write('chart/values.yaml', 'a: 1\n');
    await write('chart/templates/d.yaml', '{{- if .Values.a }}\nkind: Deployment\n{{- end }}\n');
    await write('loose.yaml', 'apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {{ .Release.Name }}\n');
    await write('overlay/kustomization.yaml', 'resources: [../base]\npatches:\n- path: patch.yaml\n');
    await write(
      'overlay/patch.yaml',
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: one, namespace: payments}\nspec: {replicas: 5}\n',
    );
    await write('base/one.yaml', deployment('one'));
    const inventory = await read();
    expect(inventory.workloads).toHaveLength(1);
    expect(inventory.workloads[0]?.template.serviceAccount).toBe('one');
    expect(reasons(inventory, 'chart')).toEqual(['a Helm chart: its templates are not rendered']);
    expect(reasons(inventory, 'loose.yaml')).toEqual(['a template that was not rendered']);
    expect(reasons(inventory, 'overlay/kustomization.yaml')).toEqual(['Kustomize is not run: patches']);
  });
});

describe('hostile input', () => {
  const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
  const bombs = `a0: &a0 [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 12 }, (_, index) => `a${index + 1}: &a${index + 1} [${Array.from({ length: 9 }, () => `*a${index}`).join(',')}]`).join('\n')}\nkind: ConfigMap\n`;

  it.each([
    ['aliases that explode', bombs, /aliases|values/],
    ['an alias to itself', 'a: &a [ *a ]\n', /nested|alias|circular/i],
    ['flow nesting', `x: ${'['.repeat(20000)}${']'.repeat(20000)}`, /nested/],
    ['200 levels', `x: ${'['.repeat(200)}${']'.repeat(200)}`, /nested/],
    ['block nesting', Array.from({ length: 300 }, (_, level) => `${' '.repeat(level)}a:`).join('\n'), /nested/],
    ['compact nesting', `${'- '.repeat(5000)}x`, /nested/],
    ['duplicate keys', 'apiVersion: v1\nkind: A\nkind: B\n', /not YAML/],
    ['a custom tag', 'a: !!js/function "function () { globalThis.hit = 1 }"\n', /tag/],
    [
      'a key __proto__',
      'apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: x, __proto__: { polluted: true } }\n',
      /__proto__/,
    ],
    ['an unclosed quote', 'a: "x\n', /not YAML/],
    [
      'a control character in a name',
      'apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: "x\\u001b[31m" }\n',
      /name/,
    ],
  ])('gives one clear gap for %s', async (_what, text, expected) => {
    await write('bad.yaml', text);
    await write('good.yaml', deployment('one'));
    const inventory = await read();
    const told = reasons(inventory, 'bad.yaml');
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(expected);
    expect(told[0]).not.toMatch(/[\u0000-\u001f]/);
    expect(inventory.workloads.map(({ ref }) => ref.name)).toEqual(['one']);
    expect((globalThis as { hit?: number }).hit).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it.each([
    ['nesting', nested(5000), /nested/],
    ['a duplicate key', '{"apiVersion":"v1","kind":"A","kind":"B"}', /twice/],
    ['__proto__', '{"apiVersion":"v1","kind":"A","__proto__":{"polluted":true}}', /__proto__/],
    ['no JSON', '{"a":', /not JSON/],
  ])('gives one clear gap for JSON with %s', async (_what, text, expected) => {
    await write('bad.json', text);
    const told = reasons(await read(), 'bad.json');
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(expected);
  });

  it('refuses binary, huge and circular files one by one', async () => {
    await write('binary.yaml', new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2]));
    await write('latin.yaml', new Uint8Array([0x61, 0x3a, 0x20, 0xe9, 0x0a]));
    await write('huge.yaml', Buffer.alloc(50 * 1024 * 1024, 'a: 1\n'));
    await write('sub/a.yaml', deployment('one'));
    await symlink('.', path.join(directory, 'sub/again'));
    await symlink('loop.yaml', path.join(directory, 'loop.yaml'));
    await symlink('/etc', path.join(directory, 'out'));
    const inventory = await read();
    expect(reasons(inventory, 'binary.yaml')).toEqual(['a binary file']);
    expect(reasons(inventory, 'latin.yaml')).toEqual(['not UTF-8 text']);
    expect(reasons(inventory, 'huge.yaml')).toEqual(['50.0 MB: a YAML file may have 8.0 MB']);
    expect(reasons(inventory, 'loop.yaml')).toEqual(['a link that leads nowhere, or in a circle']);
    expect(reasons(inventory, 'out')).toEqual(['a link that leads out of the directory: it is not followed']);
    expect(inventory.workloads).toHaveLength(1);
  });

  it('keeps a role annotation of 256 KiB and drops other huge annotations', async () => {
    const huge = 'x'.repeat(256 * 1024);
    await write(
      'big.json',
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'p', namespace: 'n', annotations: { 'iam.amazonaws.com/role': huge, other: huge } },
        spec: { containers: [] },
      }),
    );
    const { workloads } = await read();
    expect(Object.keys(workloads[0]?.template.annotations ?? {})).toEqual(['iam.amazonaws.com/role']);
  });

  it('reads any text without failing, and always gives a valid inventory', async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '---\n',
        'apiVersion: v1\n',
        'kind: Pod\n',
        'metadata:\n',
        '  name: x\n',
        '&a ',
        '*a ',
        '!!x ',
        '{{ .x }}',
        '? ',
        '- ',
        '\t',
        '"',
        '{',
        '}',
        '[',
        ']',
        '\u0007',
        '<<: *a\n',
      ),
      fc.string({ unit: 'binary', maxLength: 12 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), fc.boolean(), async (pieces, json) => {
        const name = json ? 'fuzz.json' : 'fuzz.yaml';
        await write(name, pieces.join(''));
        const inventory = await read();
        await rm(path.join(directory, name));
        expect(inventorySchema.safeParse(JSON.parse(JSON.stringify(inventory))).error).toBeUndefined();
      }),
      { numRuns: 150 },
    );
  });

  it('takes any JSON value as the fields of an object', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('Pod', 'Deployment', 'ServiceAccount', 'RoleBinding', 'Node', 'Namespace', 'List'),
        fc.jsonValue({ maxDepth: 4 }),
        fc.jsonValue({ maxDepth: 4 }),
        async (kind, spec, extra) => {
          await write(
            'any.json',
            JSON.stringify({
              apiVersion: 'v1',
              kind,
              metadata: { name: 'x', annotations: extra, ownerReferences: extra, labels: spec },
              spec: { template: { spec, metadata: extra }, containers: spec, volumes: extra },
              items: spec,
              subjects: extra,
            }),
          );
          const inventory = await read();
          expect(inventorySchema.safeParse(JSON.parse(JSON.stringify(inventory))).error).toBeUndefined();
        },
      ),
      { numRuns: 150 },
    );
  });
});
