import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folder } from '../helpers/cli.js';
import { Estate } from './estate.js';
import { ends, moveOf, planFor } from './program.js';
import { present } from './real.js';

describe.skipIf(!present)('from kube2iam to IRSA and back, on real servers', () => {
  let estate: Estate;
  beforeAll(async () => {
    estate = await Estate.begin();
  });
  afterAll(async () => {
    await estate?.end();
  });

  it('moves who may have the role today, and names who may not', async () => {
    const cwd = folder();
    const nodes = estate.nodeRole();
    await estate.inline(nodes.slice(nodes.lastIndexOf('/') + 1), `${estate.id}-kube2iam`, {
      Effect: 'Allow',
      Action: 'sts:AssumeRole',
      Resource: '*',
    });
    const home = await estate.namespace('kube2iam');
    await estate.workload('DaemonSet', home, 'kube2iam', {
      container: {
        image: 'jtblin/kube2iam:0.12.0',
        args: [
          `--base-role-arn=arn:aws:iam::${estate.account}:role/`,
          '--host-interface=eni+',
          '--iptables=true',
          '--namespace-restrictions=true',
          '--namespace-restriction-format=glob',
        ],
      },
      pod: { hostNetwork: true },
    });
    const apps = await estate.namespace('apps', {
      'iam.amazonaws.com/allowed-roles': JSON.stringify([`${estate.id}-may-*`, `${estate.id}-untrusting`]),
    });
    const roles = {
      one: await estate.role('may-one', [nodes]),
      two: await estate.role('may-two', [nodes]),
      other: await estate.role('other', [nodes]),
      untrusting: await estate.role('untrusting', [`arn:aws:iam::${estate.account}:root`]),
    };
    const asks = (role: string) => ({ 'iam.amazonaws.com/role': role });
    await estate.serviceAccount(apps, 'app');
    await estate.workload('Deployment', apps, 'one', { account: 'app', annotations: asks(`${estate.id}-may-one`) });
    await estate.workload('StatefulSet', apps, 'two', { account: 'default', annotations: asks(roles.two) });
    await estate.workload('Deployment', apps, 'other', { annotations: asks(`${estate.id}-other`), replicas: 1 });
    await estate.ready();
    const before = await estate.picture();

    const plan = await planFor(estate, cwd);
    expect(moveOf(plan, 'one')).toMatchObject({ blocked: false, from: { broker: 'kube2iam', role: roles.one } });
    expect(moveOf(plan, 'two')).toMatchObject({ blocked: false, from: { broker: 'kube2iam', role: roles.two } });
    expect(moveOf(plan, 'two').to.serviceAccount).not.toBe(`${apps}/default`);
    expect(moveOf(plan, 'other').blocked).toBe(true);
    expect(moveOf(plan, 'other').findings.join()).toContain('RL101');

    await ends(3, ['apply', 'plan', '--yes'], cwd);
    expect(await estate.rolesOf(apps, 'one')).toEqual([roles.one]);
    expect(await estate.rolesOf(apps, 'two')).toEqual([roles.two]);
    expect(await estate.rolesOf(apps, 'other')).toEqual([null]);
    expect(await estate.exchange(apps, 'app', roles.one)).toBe(true);
    expect(await estate.exchange(apps, 'default', roles.two)).toBe(false);

    await ends(0, ['rollback', 'plan', '--yes'], cwd);
    await estate.ready();
    expect(await estate.picture()).toEqual(before);
  });
});
