import { describe, expect, it } from 'vitest';
import { study } from '../../src/findings/estate.js';
import {
  aContainer,
  anInventory,
  aPod,
  aRole,
  aServiceAccount,
  asking,
  aView,
  aWorkload,
  roleArn,
} from '../helpers/inventory.js';

const base = (over: Parameters<typeof anInventory>[0] = {}) => {
  const plain = anInventory();
  return anInventory({
    roles: [...plain.roles, aRole('app')],
    serviceAccounts: [aServiceAccount('payments', 'api')],
    ...over,
  });
};

describe('the study of an inventory', () => {
  it('takes for held what the broker can really hand out', () => {
    const estate = study(base({ workloads: [aWorkload('api', { template: asking('app') })] }));
    expect(estate.uses[0]).toMatchObject({ broker: 'kiam', role: roleArn('app'), wanted: roleArn('app') });
  });

  it('holds nothing where the role does not trust the broker, and still says what is wanted', () => {
    const trust = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    });
    const plain = anInventory();
    const estate = study(
      base({
        roles: [...plain.roles, aRole('app', { trust })],
        workloads: [aWorkload('api', { template: asking('app') })],
      }),
    );
    expect(estate.uses[0]).toMatchObject({ broker: 'kiam', role: null, wanted: roleArn('app') });
  });

  it('holds nothing where the live pods differ', () => {
    const plain = anInventory();
    const template = asking('app');
    const estate = study(
      base({
        roles: [...plain.roles, aRole('app'), aRole('old')],
        workloads: [
          aWorkload('api', {
            template,
            pods: [aPod('a', { view: template }), aPod('b', { view: asking('old') })],
          }),
        ],
      }),
    );
    expect(estate.uses[0]).toMatchObject({ role: null, wanted: roleArn('app') });
  });

  it('is sure of what depends on the SDK only where a person or the pod says which it is', () => {
    const inventory = base({
      serviceAccounts: [
        aServiceAccount('payments', 'api', { annotations: { 'eks.amazonaws.com/role-arn': roleArn('app') } }),
      ],
      workloads: [aWorkload('api', { template: asking('app'), pods: [] })],
    });
    const told = (...sdkKnown: string[]) => study(inventory, sdkKnown).uses[0]?.template;
    // The trust admits the broker only: who tries web identity first, and stops there, has nothing.
    expect(told()).toMatchObject({ certainty: 'depends-on-sdk' });
    expect(told('payments/api')).toMatchObject({ certainty: 'depends-on-sdk' });
    expect(told('payments/web=botocore/1.34.50')).toMatchObject({ certainty: 'depends-on-sdk' });
    expect(told('payments/*=botocore/1.34.50')).toMatchObject({ certainty: 'known', role: null });
    expect(told('payments/api=java-v2/2.30.0')).toMatchObject({ certainty: 'known', role: roleArn('app') });
    expect(told('*=boto3/1.9.0')).toMatchObject({ certainty: 'known', role: roleArn('app') });
  });

  it('does not look at pods that have ended', () => {
    const template = asking('app');
    const estate = study(
      base({
        workloads: [
          aWorkload('api', {
            template,
            pods: [aPod('a', { view: template }), aPod('b', { view: aView(), phase: 'Succeeded' })],
          }),
        ],
      }),
    );
    expect(estate.uses[0]?.pods.map(({ pod }) => pod.ref.name)).toEqual(['a']);
    expect(estate.uses[0]?.role).toBe(roleArn('app'));
  });

  it('groups workloads by service account and survives hostile names', () => {
    const hostile = aView({ serviceAccount: '__proto__', namespace: 'payments' });
    const estate = study(
      base({
        workloads: [aWorkload('constructor', { template: hostile }), aWorkload('api', { template: asking('app') })],
      }),
    );
    expect([...estate.usesOf.keys()].sort()).toEqual(['payments/__proto__', 'payments/api']);
    expect(estate.accounts.get('payments/api')?.ref.name).toBe('api');
  });

  it('says static keys where they win', () => {
    const template = asking('app', {
      containers: [aContainer({ env: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] })],
    });
    const estate = study(base({ workloads: [aWorkload('api', { template })] }));
    expect(estate.uses[0]).toMatchObject({ broker: 'static-keys', role: null, wanted: roleArn('app') });
  });
});
