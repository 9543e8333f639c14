import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Raw, type Servers, until } from './servers.js';

/** What the program relies on in a Kubernetes API server, put so that any server can be asked. */
export const kubernetesBehaviours = (open: () => Servers): void => {
  describe('Kubernetes', () => {
    let servers: Servers;
    const namespace = `parity-${randomBytes(3).toString('hex')}`;
    const core = `/api/v1/namespaces/${namespace}`;
    const apps = `/apis/apps/v1/namespaces/${namespace}`;
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    beforeAll(async () => {
      servers = open();
      await servers.sure('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
      await until('default account', async () => (await kube('GET', `${core}/serviceaccounts/default`)).status === 200);
    });
    afterAll(async () => {
      await servers.kube('DELETE', `/api/v1/namespaces/${namespace}`);
      await until('namespace gone', async () => (await kube('GET', `/api/v1/namespaces/${namespace}`)).status === 404);
    });
    const kube: Servers['kube'] = (...args) => servers.kube(...args);
    const sure: Servers['sure'] = (...args) => servers.sure(...args);
    const map = (name: string, data: Readonly<Record<string, string>> = {}, more: object = {}) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, ...more },
      data,
    });
    const said = ({ status, body }: Raw): readonly unknown[] => [status, body.kind, body.reason];
    const account = async (name: string, annotations: Readonly<Record<string, string>> = {}): Promise<any> => {
      const made = await sure('POST', `${core}/serviceaccounts`, { metadata: { name, annotations } });
      // Older servers refuse pods of an account that has no token yet.
      await until(
        'its token',
        async () =>
          (await kube('POST', `${core}/pods?dryRun=All`, pod('probe', { serviceAccountName: name }))).status === 201,
      );
      return made;
    };
    const pod = (name: string, spec: object = {}, metadata: object = {}) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, ...metadata },
      spec: { containers: [{ name: 'main', image: 'example:1' }], ...spec },
    });
    const workload = (kind: string, name: string, spec: object = {}, podSpec: object = {}) => ({
      apiVersion: 'apps/v1',
      kind,
      metadata: { name },
      spec: {
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: { containers: [{ name: 'main', image: 'example:1' }], ...podSpec },
        },
        ...spec,
      },
    });

    describe('objects', () => {
      it('have a uid, a version, a time and the namespace', async () => {
        const made = await sure('POST', `${core}/configmaps`, map('object', { a: '1' }));
        expect(made.metadata).toMatchObject({ name: 'object', namespace });
        expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
        expect(made.metadata.resourceVersion).toMatch(/^[0-9]+$/);
        expect(made.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
        expect(made.metadata.managedFields[0]).toMatchObject({
          operation: 'Update',
          apiVersion: 'v1',
          fieldsType: 'FieldsV1',
        });
        expect(made).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', data: { a: '1' } });
      });
      it('are created once', async () => {
        await sure('POST', `${core}/configmaps`, map('once'));
        expect(said(await kube('POST', `${core}/configmaps`, map('once')))).toEqual([409, 'Status', 'AlreadyExists']);
      });
      it('that are not there are told as Status with details', async () => {
        const answer = await kube('GET', `${core}/configmaps/nothing`);
        expect(said(answer)).toEqual([404, 'Status', 'NotFound']);
        expect(answer.body).toMatchObject({
          status: 'Failure',
          code: 404,
          message: 'configmaps "nothing" not found',
          details: { name: 'nothing', kind: 'configmaps' },
        });
        expect(said(await kube('PATCH', `${core}/configmaps/nothing`, { data: {} }))).toEqual([
          404,
          'Status',
          'NotFound',
        ]);
        expect(said(await kube('DELETE', `${core}/configmaps/nothing`))).toEqual([404, 'Status', 'NotFound']);
      });
      it('may have a generated name', async () => {
        const made = await sure('POST', `${core}/configmaps`, { metadata: { generateName: 'made-' } });
        expect(made.metadata.name).toMatch(/^made-[a-z0-9]{5}$/);
        expect(made.metadata.generateName).toBe('made-');
      });
      it.each([
        ['a name in capitals', { metadata: { name: 'BAD' } }, 'metadata.name'],
        ['a label with a blank', { metadata: { name: 'x', labels: { a: 'b c' } } }, 'metadata.labels'],
        [
          'an annotation key with a blank',
          { metadata: { name: 'x', annotations: { 'a b': '' } } },
          'metadata.annotations',
        ],
      ])('are refused with %s', async (_what, body, field) => {
        const answer = await kube('POST', `${core}/configmaps`, body);
        expect(said(answer)).toEqual([422, 'Status', 'Invalid']);
        expect(answer.body.details.causes[0].field).toBe(field);
      });
      it('in a namespace that is not there are refused', async () => {
        const answer = await kube('POST', '/api/v1/namespaces/parity-nowhere/configmaps', map('x'));
        expect(said(answer)).toEqual([404, 'Status', 'NotFound']);
        expect(answer.body.message).toBe('namespaces "parity-nowhere" not found');
      });
      it('of kinds that nobody serves are not found', async () => {
        expect((await kube('GET', `/apis/nobody.example/v1/namespaces/${namespace}/things`)).status).toBe(404);
        expect((await kube('GET', `${core}/things`)).status).toBe(404);
      });
      it('in a list have no kind of their own', async () => {
        const list = await sure('GET', `${core}/serviceaccounts`);
        expect(list).toMatchObject({ kind: 'ServiceAccountList', apiVersion: 'v1' });
        expect(list.items[0].kind).toBeUndefined();
      });
      it('are not read from text that is no JSON, nor with another kind', async () => {
        expect(said(await kube('POST', `${core}/configmaps`, '{"a'))).toEqual([400, 'Status', 'BadRequest']);
        expect(said(await kube('POST', `${core}/configmaps`, { ...map('x'), kind: 'Pod' }))).toEqual([
          400,
          'Status',
          'BadRequest',
        ]);
        expect(said(await kube('POST', `${core}/configmaps`, map('x', {}, { namespace: 'other' })))).toEqual([
          400,
          'Status',
          'BadRequest',
        ]);
      });
    });

    describe('lists', () => {
      it('come in pages that hang together', async () => {
        for (const name of ['p1', 'p2', 'p3', 'p4', 'p5'])
          await sure('POST', `${core}/configmaps`, map(name, {}, { labels: { page: 'yes' } }));
        const seen: string[] = [];
        let next = '';
        let version = '';
        const sizes: number[] = [];
        do {
          const page = await sure(
            'GET',
            `${core}/configmaps?limit=2&labelSelector=page%3Dyes${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`,
          );
          seen.push(...page.items.map((item: any) => item.metadata.name));
          sizes.push(page.items.length);
          if (version !== '') expect(page.metadata.resourceVersion).toBe(version);
          version = page.metadata.resourceVersion;
          next = page.metadata.continue ?? '';
          if (sizes.length === 1) await sure('POST', `${core}/configmaps`, map('p0', {}, { labels: { page: 'yes' } }));
        } while (next !== '');
        expect(seen).toEqual(['p1', 'p2', 'p3', 'p4', 'p5']);
        expect(sizes).toEqual([2, 2, 1]);
      });
      it('refuse a token that is none', async () => {
        expect(said(await kube('GET', `${core}/configmaps?limit=2&continue=nonsense`))).toEqual([
          400,
          'Status',
          'BadRequest',
        ]);
      });
      it.each([
        ['labelSelector=page', 6],
        ['labelSelector=!page', null],
        ['labelSelector=page+in+(yes,no)', 6],
        ['labelSelector=page!=yes', null],
        ['fieldSelector=metadata.name%3Dp1', 1],
        [`fieldSelector=metadata.namespace%3D${namespace},metadata.name%3Dp2`, 1],
      ])('obey %s', async (query, wanted) => {
        const { items } = await sure('GET', `${core}/configmaps?${query}`);
        if (wanted === null) expect(items.every((item: any) => item.metadata.labels?.page === undefined)).toBe(true);
        else expect(items).toHaveLength(wanted);
      });
      it.each(['fieldSelector=spec.nothing%3D1', 'labelSelector=a%20b%20c'])('refuse %s', async (query) => {
        expect(said(await kube('GET', `${core}/configmaps?${query}`))).toEqual([400, 'Status', 'BadRequest']);
      });
    });

    describe('updates', () => {
      it('with an older version conflict', async () => {
        const made = await sure('POST', `${core}/configmaps`, map('conflict', { a: '1' }));
        await sure('PUT', `${core}/configmaps/conflict`, { ...made, data: { a: '2' } });
        const late = await kube('PUT', `${core}/configmaps/conflict`, { ...made, data: { a: '3' } });
        expect(said(late)).toEqual([409, 'Status', 'Conflict']);
        const patch = { metadata: { resourceVersion: made.metadata.resourceVersion }, data: { a: '4' } };
        expect(said(await kube('PATCH', `${core}/configmaps/conflict`, patch))).toEqual([409, 'Status', 'Conflict']);
        expect((await sure('GET', `${core}/configmaps/conflict`)).data).toEqual({ a: '2' });
      });
      it('that change nothing keep the version', async () => {
        const made = await sure('POST', `${core}/configmaps`, map('same', { a: '1' }));
        const again = await sure('PATCH', `${core}/configmaps/same`, { data: { a: '1' } });
        expect(again.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
      });
      it('with another uid conflict', async () => {
        const made = await sure('POST', `${core}/configmaps`, map('uid'));
        const other = {
          ...made,
          metadata: { ...made.metadata, resourceVersion: undefined, uid: '11111111-1111-1111-1111-111111111111' },
        };
        expect(said(await kube('PUT', `${core}/configmaps/uid`, other))).toEqual([409, 'Status', 'Conflict']);
      });
      it('by merge patch replace lists, and null takes away', async () => {
        await sure('POST', `${core}/serviceaccounts`, {
          metadata: { name: 'merged', annotations: { a: '1', b: '2' } },
          imagePullSecrets: [{ name: 'x' }, { name: 'y' }],
        });
        const patched = await sure('PATCH', `${core}/serviceaccounts/merged`, {
          metadata: { annotations: { a: null, c: '3' } },
          imagePullSecrets: [{ name: 'z' }],
        });
        expect(patched.metadata.annotations).toEqual({ b: '2', c: '3' });
        expect(patched.imagePullSecrets).toEqual([{ name: 'z' }]);
        const bare = await sure('PATCH', `${core}/serviceaccounts/merged`, {
          metadata: { annotations: { b: null, c: null } },
        });
        expect(bare.metadata).not.toHaveProperty('annotations');
      });
      it('by strategic patch merge containers and variables by name', async () => {
        await sure(
          'POST',
          `${apps}/deployments`,
          workload(
            'Deployment',
            'strategic',
            { replicas: 0 },
            {
              containers: [
                {
                  name: 'main',
                  image: 'example:1',
                  env: [
                    { name: 'A', value: '1' },
                    { name: 'B', value: '2' },
                  ],
                },
                { name: 'side', image: 'side:1' },
              ],
            },
          ),
        );
        const patch = {
          spec: {
            template: {
              metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } },
              spec: {
                containers: [
                  {
                    name: 'main',
                    env: [
                      { name: 'A', value: '9' },
                      { name: 'B', $patch: 'delete' },
                      { name: 'C', value: '3' },
                    ],
                  },
                ],
              },
            },
          },
        };
        const patched = await sure('PATCH', `${apps}/deployments/strategic`, patch, {
          type: 'application/strategic-merge-patch+json',
        });
        const { containers } = patched.spec.template.spec;
        expect(containers.map((each: any) => each.name)).toEqual(['main', 'side']);
        expect(containers[0]).toMatchObject({ image: 'example:1' });
        expect(Object.fromEntries(containers[0].env.map((each: any) => [each.name, each.value]))).toEqual({
          A: '9',
          C: '3',
        });
        expect(patched.metadata.generation).toBe(2);
      });
      it('by JSON patch test and write places in lists', async () => {
        await sure('POST', `${core}/configmaps`, map('json', { a: '1' }));
        const json = { type: 'application/json-patch+json' };
        const patched = await sure(
          'PATCH',
          `${core}/configmaps/json`,
          [
            { op: 'test', path: '/data/a', value: '1' },
            { op: 'replace', path: '/data/a', value: '2' },
            { op: 'add', path: '/metadata/annotations', value: { 'x/y': '1' } },
            { op: 'replace', path: '/metadata/annotations/x~1y', value: '3' },
          ],
          json,
        );
        expect([patched.data, patched.metadata.annotations]).toEqual([{ a: '2' }, { 'x/y': '3' }]);
        expect(
          (await kube('PATCH', `${core}/configmaps/json`, [{ op: 'test', path: '/data/a', value: '1' }], json)).status,
        ).toBe(422);
        expect(
          (await kube('PATCH', `${core}/configmaps/json`, [{ op: 'remove', path: '/data/nothing' }], json)).status,
        ).toBe(422);
      });
      it('in a form that nobody knows are refused', async () => {
        expect(
          (await kube('PATCH', `${core}/configmaps/json`, {}, { type: 'application/x-nothing+json' })).status,
        ).toBe(415);
      });
    });

    describe('dry runs', () => {
      it('answer as the object would be and keep nothing', async () => {
        const answer = await kube('POST', `${core}/configmaps?dryRun=All`, map('dry', { a: '1' }));
        expect(answer.status).toBe(201);
        expect(answer.body).toMatchObject({ metadata: { name: 'dry', namespace }, data: { a: '1' } });
        expect((await kube('GET', `${core}/configmaps/dry`)).status).toBe(404);
        const made = await sure('POST', `${core}/configmaps`, map('dry', { a: '1' }));
        expect((await sure('PATCH', `${core}/configmaps/dry?dryRun=All`, { data: { a: '2' } })).data).toEqual({
          a: '2',
        });
        expect((await kube('DELETE', `${core}/configmaps/dry?dryRun=All`)).status).toBe(200);
        expect((await sure('GET', `${core}/configmaps/dry`)).metadata.resourceVersion).toBe(
          made.metadata.resourceVersion,
        );
      });
      it('still say no', async () => {
        expect(said(await kube('POST', `${core}/configmaps?dryRun=All`, map('dry')))).toEqual([
          409,
          'Status',
          'AlreadyExists',
        ]);
        expect(said(await kube('POST', `${core}/configmaps?dryRun=All`, map('BAD')))).toEqual([
          422,
          'Status',
          'Invalid',
        ]);
        expect((await kube('POST', `${core}/configmaps?dryRun=Some`, map('x'))).status).toBeGreaterThanOrEqual(400);
      });
    });

    describe('deletes', () => {
      it('hold to the uid that they name', async () => {
        const made = await sure('POST', `${core}/configmaps`, map('doomed'));
        const by = (uid: string) => ({ kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid } });
        expect(
          said(await kube('DELETE', `${core}/configmaps/doomed`, by('11111111-1111-1111-1111-111111111111'))),
        ).toEqual([409, 'Status', 'Conflict']);
        const gone = await kube('DELETE', `${core}/configmaps/doomed`, by(made.metadata.uid));
        expect(gone.body).toMatchObject({
          kind: 'Status',
          status: 'Success',
          details: { name: 'doomed', kind: 'configmaps', uid: made.metadata.uid },
        });
      });
      it('take what belongs to the object along', async () => {
        const owner = await sure('POST', `${core}/configmaps`, map('owner'));
        await sure(
          'POST',
          `${core}/configmaps`,
          map(
            'owned',
            {},
            { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid }] },
          ),
        );
        await sure('DELETE', `${core}/configmaps/owner`);
        await until('the owned one to go', async () => (await kube('GET', `${core}/configmaps/owned`)).status === 404);
      });
    });

    describe('what cannot be changed', () => {
      it('the selector of a Deployment', async () => {
        await sure('POST', `${apps}/deployments`, workload('Deployment', 'fixed', { replicas: 0 }));
        const answer = await kube('PATCH', `${apps}/deployments/fixed`, {
          spec: { selector: { matchLabels: { app: 'other' } }, template: { metadata: { labels: { app: 'other' } } } },
        });
        expect(said(answer)).toEqual([422, 'Status', 'Invalid']);
        expect(answer.body.details.causes[0].field).toBe('spec.selector');
      });
      it('a selector that does not choose the template', async () => {
        const answer = await kube('POST', `${apps}/deployments`, {
          ...workload('Deployment', 'odd'),
          spec: {
            selector: { matchLabels: { app: 'odd' } },
            template: { metadata: { labels: { app: 'even' } }, spec: { containers: [{ name: 'main', image: 'x' }] } },
          },
        });
        expect(said(answer)).toEqual([422, 'Status', 'Invalid']);
        expect(answer.body.details.causes[0].field).toBe('spec.template.metadata.labels');
      });
      it('the service account of a pod', async () => {
        await account('other');
        await sure('POST', `${core}/pods`, pod('still'));
        expect(said(await kube('PATCH', `${core}/pods/still`, { spec: { serviceAccountName: 'other' } }))).toEqual([
          422,
          'Status',
          'Invalid',
        ]);
        await sure('PATCH', `${core}/pods/still`, { metadata: { annotations: { mark: 'yes' } } });
      });
      it('the role of a binding', async () => {
        const binding = (role: string) => ({
          metadata: { name: 'bound' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
          subjects: [{ kind: 'ServiceAccount', name: 'default', namespace }],
        });
        await sure('POST', `${rbac}/rolebindings`, binding('view'));
        const now = await sure('GET', `${rbac}/rolebindings/bound`);
        expect(
          said(await kube('PUT', `${rbac}/rolebindings/bound`, { ...now, roleRef: binding('edit').roleRef })),
        ).toEqual([422, 'Status', 'Invalid']);
      });
      it('the name of a StatefulSet’s service, and the template of a Job', async () => {
        await sure('POST', `${apps}/statefulsets`, workload('StatefulSet', 'set', { replicas: 0, serviceName: 'set' }));
        expect(said(await kube('PATCH', `${apps}/statefulsets/set`, { spec: { serviceName: 'other' } }))).toEqual([
          422,
          'Status',
          'Invalid',
        ]);
        const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`;
        await sure('POST', jobs, {
          metadata: { name: 'job' },
          spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'x' }] } } },
        });
        expect(
          said(await kube('PATCH', `${jobs}/job`, { spec: { template: { metadata: { annotations: { a: 'b' } } } } })),
        ).toEqual([422, 'Status', 'Invalid']);
      });
      it('a pod whose service account is not there', async () => {
        const answer = await kube('POST', `${core}/pods`, pod('homeless', { serviceAccountName: 'nobody' }));
        expect(answer.status).toBe(403);
        expect(answer.body.message).toContain('serviceaccount "nobody" not found');
      });
    });

    describe('who may what', () => {
      const token = async (name: string, audiences: readonly string[] = [], seconds = 600): Promise<Raw> =>
        kube('POST', `${core}/serviceaccounts/${name}/token`, {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: { audiences, expirationSeconds: seconds },
        });
      const review = (resourceAttributes: object, as?: string): Promise<any> =>
        sure(
          'POST',
          '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
          { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } },
          as === undefined ? {} : { token: as },
        );

      it('tokens carry issuer, audience, subject and end', async () => {
        await sure('POST', `${core}/serviceaccounts`, { metadata: { name: 'tokens' } });
        const answer = await token('tokens', ['sts.amazonaws.com']);
        expect(answer.status).toBe(201);
        const { status } = answer.body;
        expect(Math.abs(Date.parse(status.expirationTimestamp) - Date.now() - 600_000)).toBeLessThan(60_000);
        const claims = JSON.parse(Buffer.from(status.token.split('.')[1], 'base64url').toString());
        const discovered = await sure('GET', '/.well-known/openid-configuration');
        expect(claims).toMatchObject({
          iss: discovered.issuer,
          aud: ['sts.amazonaws.com'],
          sub: `system:serviceaccount:${namespace}:tokens`,
        });
        expect(claims.exp - claims.iat).toBe(600);
        expect(claims['kubernetes.io']).toMatchObject({ namespace, serviceaccount: { name: 'tokens' } });
      });
      it('tokens last ten minutes at least, and need their account', async () => {
        expect(said(await token('tokens', [], 60))).toEqual([422, 'Status', 'Invalid']);
        expect(said(await token('nobody'))).toEqual([404, 'Status', 'NotFound']);
      });
      it('tokens for others are no credentials here', async () => {
        const foreign = (await token('tokens', ['sts.amazonaws.com'])).body.status.token;
        expect(said(await kube('GET', `${core}/configmaps`, undefined, { token: foreign }))).toEqual([
          401,
          'Status',
          'Unauthorized',
        ]);
        expect(said(await kube('GET', `${core}/configmaps`, undefined, { token: 'nonsense' }))).toEqual([
          401,
          'Status',
          'Unauthorized',
        ]);
      });
      it('a bare account may nothing until it is bound, and is told what it lacks', async () => {
        const own = (await token('tokens')).body.status.token;
        const wish = { namespace, verb: 'list', resource: 'configmaps' };
        expect((await review(wish)).status.allowed).toBe(true);
        expect((await review(wish, own)).status.allowed).toBe(false);
        const refused = await kube('GET', `${core}/configmaps`, undefined, { token: own });
        expect(said(refused)).toEqual([403, 'Status', 'Forbidden']);
        expect(refused.body.message).toContain(
          `User "system:serviceaccount:${namespace}:tokens" cannot list resource "configmaps" in API group "" in the namespace "${namespace}"`,
        );
        await sure('POST', `${rbac}/roles`, {
          metadata: { name: 'maps' },
          rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }],
        });
        await sure('POST', `${rbac}/rolebindings`, {
          metadata: { name: 'maps' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'maps' },
          subjects: [{ kind: 'ServiceAccount', name: 'tokens', namespace }],
        });
        await until('the binding to hold', async () => (await review(wish, own)).status.allowed);
        expect((await kube('GET', `${core}/configmaps`, undefined, { token: own })).status).toBe(200);
        expect((await review({ ...wish, verb: 'get' }, own)).status.allowed).toBe(false);
        expect((await review({ ...wish, namespace: 'kube-system' }, own)).status.allowed).toBe(false);
        expect(
          (await review({ ...wish, subresource: 'token', resource: 'serviceaccounts', verb: 'create' }, own)).status
            .allowed,
        ).toBe(false);
      });
      it('nobody grants what they have not', async () => {
        const own = (await token('tokens')).body.status.token;
        await sure('POST', `${rbac}/roles`, {
          metadata: { name: 'binder' },
          rules: [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['rolebindings'], verbs: ['create'] }],
        });
        await sure('POST', `${rbac}/rolebindings`, {
          metadata: { name: 'binder' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'binder' },
          subjects: [{ kind: 'ServiceAccount', name: 'tokens', namespace }],
        });
        await until(
          'the binding to hold',
          async () =>
            (
              await review(
                { namespace, verb: 'create', group: 'rbac.authorization.k8s.io', resource: 'rolebindings' },
                own,
              )
            ).status.allowed,
        );
        const grant = {
          metadata: { name: 'grab' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' },
          subjects: [{ kind: 'ServiceAccount', name: 'tokens', namespace }],
        };
        const refused = await kube('POST', `${rbac}/rolebindings?dryRun=All`, grant, { token: own });
        expect(said(refused)).toEqual([403, 'Status', 'Forbidden']);
        expect(refused.body.message).toContain('attempting to grant RBAC permissions not currently held');
      });
      it('anybody can be asked who they are', async () => {
        const own = (await token('tokens')).body.status.token;
        const who = await sure(
          'POST',
          '/apis/authentication.k8s.io/v1/selfsubjectreviews',
          { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
          { token: own },
        );
        expect(who.status.userInfo.username).toBe(`system:serviceaccount:${namespace}:tokens`);
        expect(who.status.userInfo.groups).toContain('system:serviceaccounts');
      });
    });

    describe('leases', () => {
      it('keep microseconds and are fenced by their version', async () => {
        const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
        const spec = {
          holderIdentity: 'me',
          leaseDurationSeconds: 60,
          acquireTime: '2026-01-02T03:04:05.000006Z',
          renewTime: '2026-01-02T03:04:05.123456Z',
          leaseTransitions: 0,
        };
        const made = await sure('POST', leases, { metadata: { name: 'lock' }, spec });
        expect(made.spec).toEqual(spec);
        const renewed = await sure('PATCH', `${leases}/lock`, {
          metadata: { resourceVersion: made.metadata.resourceVersion },
          spec: { renewTime: '2026-01-02T03:04:06.000000Z' },
        });
        expect(renewed.spec.renewTime).toBe('2026-01-02T03:04:06.000000Z');
        expect(
          said(
            await kube('PATCH', `${leases}/lock`, {
              metadata: { resourceVersion: made.metadata.resourceVersion },
              spec: { holderIdentity: 'you' },
            }),
          ),
        ).toEqual([409, 'Status', 'Conflict']);
      });
    });

    describe('watches', () => {
      it('tell what happened after a version, in order', async () => {
        const { metadata } = await sure('GET', `${core}/configmaps?fieldSelector=metadata.name%3Dwatched`);
        const watching = await servers.watch(
          `${core}/configmaps?watch=1&allowWatchBookmarks=true&resourceVersion=${metadata.resourceVersion}&fieldSelector=metadata.name%3Dwatched`,
        );
        try {
          await sure('POST', `${core}/configmaps`, map('watched', { a: '1' }));
          await sure('PATCH', `${core}/configmaps/watched`, { data: { a: '2' } });
          await sure('DELETE', `${core}/configmaps/watched`);
          const events = [await watching.next(), await watching.next(), await watching.next()];
          expect(events.map((event) => event.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
          expect(events.map((event) => event.object.data.a)).toEqual(['1', '2', '2']);
          expect(events[0].object).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
        } finally {
          watching.stop();
        }
      });
      it('with a selector tell an object’s leaving as its end', async () => {
        const { metadata } = await sure('GET', `${core}/configmaps`);
        const watching = await servers.watch(
          `${core}/configmaps?watch=true&resourceVersion=${metadata.resourceVersion}&labelSelector=color%3Dred`,
        );
        try {
          await sure('POST', `${core}/configmaps`, map('colored', {}, { labels: { color: 'red' } }));
          await sure('PATCH', `${core}/configmaps/colored`, { metadata: { labels: { color: 'blue' } } });
          const events = [await watching.next(), await watching.next()];
          expect(events.map((event) => event.type)).toEqual(['ADDED', 'DELETED']);
        } finally {
          watching.stop();
        }
      });
    });

    describe('rollouts', () => {
      const rolledOut = async (kind: string, name: string, is: (object: any) => boolean): Promise<any> => {
        let last: any;
        await until(`${kind} ${name}: ${JSON.stringify(last?.status)}`, async () => {
          last = await sure('GET', `${apps}/${kind}/${name}`);
          return last.status?.observedGeneration === last.metadata.generation && is(last);
        });
        return last;
      };
      it('of a Deployment make a new ReplicaSet and take the old one down', async () => {
        await sure('POST', `${apps}/deployments`, workload('Deployment', 'roll', { replicas: 2 }));
        const all = (object: any) =>
          object.status.updatedReplicas === 2 && object.status.replicas === 2 && object.status.availableReplicas === 2;
        const first = await rolledOut('deployments', 'roll', all);
        expect(first.metadata.generation).toBe(1);
        expect(first.metadata.annotations['deployment.kubernetes.io/revision']).toBe('1');
        expect(first.spec).toMatchObject({
          revisionHistoryLimit: 10,
          progressDeadlineSeconds: 600,
          strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
        });
        await sure('PATCH', `${apps}/deployments/roll`, {
          spec: { template: { metadata: { annotations: { again: '1' } } } },
        });
        const second = await rolledOut('deployments', 'roll', all);
        expect(second.metadata.generation).toBe(2);
        expect(second.metadata.annotations['deployment.kubernetes.io/revision']).toBe('2');
        await until('its condition', async () => {
          const { status } = await sure('GET', `${apps}/deployments/roll`);
          return (
            status.conditions.some(
              (each: any) => each.type === 'Progressing' && each.reason === 'NewReplicaSetAvailable',
            ) && status.conditions.some((each: any) => each.type === 'Available' && each.status === 'True')
          );
        });
        const sets = (await sure('GET', `${apps}/replicasets?labelSelector=app%3Droll`)).items;
        expect(sets.map((set: any) => set.spec.replicas).sort()).toEqual([0, 2]);
        const current = sets.find((set: any) => set.spec.replicas === 2);
        expect(current.metadata.ownerReferences[0]).toMatchObject({
          kind: 'Deployment',
          name: 'roll',
          controller: true,
          uid: second.metadata.uid,
        });
        const pods = (await sure('GET', `${core}/pods?labelSelector=app%3Droll`)).items.filter(
          (each: any) => each.metadata.deletionTimestamp === undefined,
        );
        for (const each of pods) {
          expect(each.metadata.ownerReferences[0]).toMatchObject({ kind: 'ReplicaSet', name: current.metadata.name });
          expect(each.metadata.labels['pod-template-hash']).toBe(current.metadata.labels['pod-template-hash']);
          expect(each.spec.serviceAccountName).toBe('default');
          expect(each.spec.nodeName).toBeTruthy();
        }
      });
      it('that fail say so after their deadline, and recover when set back', async () => {
        const fails = { 'testbed/fail-if-env': 'BAD', 'sandbox.rolelift.dev/fail-if-env': 'BAD' };
        const body: any = workload('Deployment', 'fails', { replicas: 1, progressDeadlineSeconds: 1 });
        body.spec.template.metadata.annotations = fails;
        await sure('POST', `${apps}/deployments`, body);
        await rolledOut('deployments', 'fails', (object) => object.status.availableReplicas === 1);
        const merge = { type: 'application/strategic-merge-patch+json' };
        await sure(
          'PATCH',
          `${apps}/deployments/fails`,
          { spec: { template: { spec: { containers: [{ name: 'main', env: [{ name: 'BAD', value: '1' }] }] } } } },
          merge,
        );
        const reason = (object: any) =>
          object.status.conditions?.find((each: any) => each.type === 'Progressing')?.reason;
        const failed = await rolledOut(
          'deployments',
          'fails',
          (object) => reason(object) === 'ProgressDeadlineExceeded',
        );
        expect(failed.status.availableReplicas).toBe(1);
        const waiting = (await sure('GET', `${core}/pods?labelSelector=app%3Dfails`)).items
          .flatMap((each: any) => each.status.containerStatuses ?? [])
          .map((each: any) => each.state?.waiting?.reason);
        expect(waiting).toContain('CrashLoopBackOff');
        await sure(
          'PATCH',
          `${apps}/deployments/fails`,
          {
            spec: { template: { spec: { containers: [{ name: 'main', env: [{ name: 'BAD', $patch: 'delete' }] }] } } },
          },
          merge,
        );
        await rolledOut(
          'deployments',
          'fails',
          (object) => reason(object) === 'NewReplicaSetAvailable' && object.status.replicas === 1,
        );
      });
      it('of a StatefulSet go one by one to one revision', async () => {
        await sure(
          'POST',
          `${apps}/statefulsets`,
          workload('StatefulSet', 'ordered', { replicas: 2, serviceName: 'ordered' }),
        );
        const all = (object: any) =>
          object.status.readyReplicas === 2 && object.status.updateRevision === object.status.currentRevision;
        const first = await rolledOut('statefulsets', 'ordered', all);
        await sure('PATCH', `${apps}/statefulsets/ordered`, {
          spec: { template: { metadata: { annotations: { again: '1' } } } },
        });
        const second = await rolledOut(
          'statefulsets',
          'ordered',
          (object) => all(object) && object.status.updateRevision !== first.status.updateRevision,
        );
        expect(second.status.currentReplicas).toBe(2);
        const pods = (await sure('GET', `${core}/pods?labelSelector=app%3Dordered`)).items;
        expect(pods.map((each: any) => each.metadata.name).sort()).toEqual(['ordered-0', 'ordered-1']);
        for (const each of pods)
          expect(each.metadata.labels['controller-revision-hash']).toBe(second.status.updateRevision);
      });
      it('of a DaemonSet reach every node', async () => {
        await sure('POST', `${apps}/daemonsets`, workload('DaemonSet', 'every'));
        const all = (object: any) =>
          object.status.desiredNumberScheduled > 0 &&
          object.status.updatedNumberScheduled === object.status.desiredNumberScheduled &&
          object.status.numberAvailable === object.status.desiredNumberScheduled;
        await rolledOut('daemonsets', 'every', all);
        await sure('PATCH', `${apps}/daemonsets/every`, {
          spec: { template: { metadata: { annotations: { again: '1' } } } },
        });
        const second = await rolledOut('daemonsets', 'every', all);
        expect(second.metadata.generation).toBe(2);
        expect(second.spec.updateStrategy).toMatchObject({
          type: 'RollingUpdate',
          rollingUpdate: { maxUnavailable: 1 },
        });
      });
      it('count a Deployment’s own annotations as changes, a StatefulSet’s not', async () => {
        const counted = async (path: string, patch: object): Promise<number> => {
          const before = await sure('GET', `${apps}/${path}`);
          return (await sure('PATCH', `${apps}/${path}`, patch)).metadata.generation - before.metadata.generation;
        };
        expect(await counted('deployments/roll', { metadata: { annotations: { note: 'x' } } })).toBe(1);
        expect(await counted('deployments/roll', { metadata: { labels: { note: 'x' } } })).toBe(0);
        expect(await counted('statefulsets/ordered', { metadata: { annotations: { note: 'x' } } })).toBe(0);
        expect(await counted('daemonsets/every', { metadata: { annotations: { note: 'x' } } })).toBe(0);
      });
    });

    describe('disruption budgets', () => {
      it('stop evictions', async () => {
        await sure('POST', `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`, {
          apiVersion: 'policy/v1',
          kind: 'PodDisruptionBudget',
          metadata: { name: 'keep' },
          spec: { minAvailable: 2, selector: { matchLabels: { app: 'ordered' } } },
        });
        const evict = () =>
          kube('POST', `${core}/pods/ordered-0/eviction`, {
            apiVersion: 'policy/v1',
            kind: 'Eviction',
            metadata: { name: 'ordered-0', namespace },
          });
        await until(
          'the budget to be counted',
          async () =>
            (await sure('GET', `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/keep`)).status
              ?.currentHealthy === 2,
        );
        const answer = await evict();
        expect(said(answer)).toEqual([429, 'Status', 'TooManyRequests']);
      });
    });

    describe('the identity webhook', () => {
      const role = 'arn:aws:iam::123456789012:role/parity';
      const admitted = (spec: object, metadata: object = {}): Promise<any> =>
        sure('POST', `${core}/pods?dryRun=All`, pod('probe', spec, metadata));
      const env = (made: any, index = 0): Readonly<Record<string, string>> =>
        Object.fromEntries((made.spec.containers[index].env ?? []).map((each: any) => [each.name, each.value]));
      beforeAll(async () => {
        await account('bound', { 'eks.amazonaws.com/role-arn': role });
        await account('long', {
          'eks.amazonaws.com/role-arn': role,
          'eks.amazonaws.com/token-expiration': '7200',
          'eks.amazonaws.com/audience': 'elsewhere.example',
        });
        await until(
          'the webhook to know them',
          async () =>
            (await admitted({ serviceAccountName: 'long' })).spec.containers[0].env !== undefined &&
            (await admitted({ serviceAccountName: 'bound' })).spec.containers[0].env !== undefined,
        );
      });
      it('gives pods of an annotated account variables, token and mount', async () => {
        const made = await admitted({ serviceAccountName: 'bound', initContainers: [{ name: 'init', image: 'x' }] });
        expect(env(made)).toMatchObject({
          AWS_ROLE_ARN: role,
          AWS_WEB_IDENTITY_TOKEN_FILE: '/var/run/secrets/eks.amazonaws.com/serviceaccount/token',
          AWS_STS_REGIONAL_ENDPOINTS: 'regional',
          AWS_REGION: 'eu-west-1',
          AWS_DEFAULT_REGION: 'eu-west-1',
        });
        expect(made.spec.initContainers[0].env.map((each: any) => each.name)).toContain('AWS_ROLE_ARN');
        const volume = made.spec.volumes.find((each: any) => each.name === 'aws-iam-token');
        expect(volume.projected.sources[0].serviceAccountToken).toEqual({
          audience: 'sts.amazonaws.com',
          expirationSeconds: 86_400,
          path: 'token',
        });
        expect(made.spec.containers[0].volumeMounts).toContainEqual({
          name: 'aws-iam-token',
          readOnly: true,
          mountPath: '/var/run/secrets/eks.amazonaws.com/serviceaccount',
        });
      });
      it('leaves other accounts alone', async () => {
        expect(env(await admitted({ serviceAccountName: 'default' }))).toEqual({});
      });
      it('obeys the account’s own audience and life, and the pod’s before it', async () => {
        const token = (made: any) =>
          made.spec.volumes.find((each: any) => each.name === 'aws-iam-token').projected.sources[0].serviceAccountToken;
        expect(token(await admitted({ serviceAccountName: 'long' }))).toMatchObject({
          audience: 'elsewhere.example',
          expirationSeconds: 7200,
        });
        expect(
          token(
            await admitted(
              { serviceAccountName: 'long' },
              { annotations: { 'eks.amazonaws.com/token-expiration': '1000' } },
            ),
          ),
        ).toMatchObject({ expirationSeconds: 1000 });
        expect(
          token(
            await admitted(
              { serviceAccountName: 'bound' },
              { annotations: { 'eks.amazonaws.com/token-expiration': '60' } },
            ),
          ),
        ).toMatchObject({ expirationSeconds: 600 });
      });
      it.each([['AWS_ROLE_ARN'], ['AWS_WEB_IDENTITY_TOKEN_FILE']])(
        'leaves both out where the template sets %s',
        async (name) => {
          const made = await admitted({
            serviceAccountName: 'bound',
            containers: [{ name: 'main', image: 'x', env: [{ name, value: 'own' }] }],
          });
          const given = env(made);
          expect(given[name]).toBe('own');
          expect(['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE'].filter((each) => each in given)).toEqual([name]);
          expect(given.AWS_REGION).toBe('eu-west-1');
        },
      );
      it('leaves a region that the template sets', async () => {
        const made = await admitted({
          serviceAccountName: 'bound',
          containers: [{ name: 'main', image: 'x', env: [{ name: 'AWS_DEFAULT_REGION', value: 'us-east-1' }] }],
        });
        expect(env(made).AWS_DEFAULT_REGION).toBe('us-east-1');
        expect(env(made)).not.toHaveProperty('AWS_REGION');
      });
      it('skips containers by name, and pods by label', async () => {
        const two = {
          serviceAccountName: 'bound',
          containers: [
            { name: 'main', image: 'x' },
            { name: 'side', image: 'x' },
          ],
        };
        const made = await admitted(two, { annotations: { 'eks.amazonaws.com/skip-containers': 'side,other' } });
        expect(env(made, 0)).toHaveProperty('AWS_ROLE_ARN');
        expect(env(made, 1)).toEqual({});
        expect(env(await admitted(two, { labels: { 'eks.amazonaws.com/skip-pod-identity-webhook': '' } }), 0)).toEqual(
          {},
        );
      });
      it('passes by what is there already', async () => {
        const made = await admitted({ serviceAccountName: 'bound' });
        await sure('PATCH', `${core}/serviceaccounts/bound`, {
          metadata: { annotations: { 'eks.amazonaws.com/role-arn': null } },
        });
        await until(
          'the webhook to see it',
          async () => !('AWS_ROLE_ARN' in env(await admitted({ serviceAccountName: 'bound' }))),
        );
        expect(env(made)).toHaveProperty('AWS_ROLE_ARN');
      });
    });
  });
};
