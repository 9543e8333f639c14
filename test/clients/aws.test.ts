import nock from 'nock';
import { describe, expect, it } from 'vitest';
import { AwsClient } from '../../src/clients/aws.js';
import { AwsAccounts } from '../../src/clients/aws-accounts.js';
import { Lanes } from '../../src/clients/lanes.js';
import { guardTheWire, VirtualTime } from '../helpers/wire.js';

const credentials = async () => ({ accessKeyId: 'AKIATEST', secretAccessKey: 'test' });
const shared = (clock: VirtualTime) => ({
  region: 'eu-west-1',
  lanes: new Lanes(clock),
  clock,
  signal: new AbortController().signal,
  onServerTime: () => undefined,
  serverTime: () => null,
});
const clientOf = (clock = new VirtualTime()) =>
  new AwsClient({ ...shared(clock), account: '111122223333', credentials });
const iam = 'https://iam.amazonaws.com';
const failure = (code: string, message = 'no'): string =>
  `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r</RequestId></ErrorResponse>`;
const asks = (action: string) => (body: unknown) => (body as { Action: string }).Action === action;
const role = `<GetRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetRoleResult><Role><Path>/</Path><RoleName>app</RoleName><RoleId>AROA1</RoleId><Arn>arn:aws:iam::111122223333:role/app</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate><AssumeRolePolicyDocument>%7B%22Version%22%3A%222012-10-17%22%7D</AssumeRolePolicyDocument></Role></GetRoleResult></GetRoleResponse>`;

describe('the AWS client on the wire', () => {
  guardTheWire();

  it('answers what the SDK answers, as JSON, with documents as they were sent', async () => {
    nock(iam).post('/', asks('GetRole')).reply(200, role, { 'content-type': 'text/xml' });
    expect(await clientOf().call('iam', 'GetRole', { RoleName: 'app' })).toMatchObject({
      Role: {
        RoleName: 'app',
        CreateDate: '2026-01-01T00:00:00.000Z',
        AssumeRolePolicyDocument: '%7B%22Version%22%3A%222012-10-17%22%7D',
      },
    });
  });

  it.each([
    ['NoSuchEntity', 404, 'NoSuchEntity', 'RL714'],
    ['AccessDenied', 403, 'AccessDenied', 'RL703'],
    ['ExpiredToken', 403, 'ExpiredToken', 'RL702'],
    ['LimitExceeded', 409, 'LimitExceeded', 'RL714'],
  ])('names %s canonically', async (wire, statusCode, errorName, code) => {
    nock(iam).post('/', asks('GetRole')).reply(statusCode, failure(wire), { 'content-type': 'text/xml' });
    await expect(clientOf().call('iam', 'GetRole', { RoleName: 'app' })).rejects.toMatchObject({
      errorName,
      data: { code },
    });
  });

  it('waits out throttling, spelled as IAM does', async () => {
    nock(iam)
      .post('/', asks('GetRole'))
      .times(3)
      .reply(400, failure('Throttling', 'Rate exceeded'), { 'content-type': 'text/xml' });
    nock(iam).post('/', asks('GetRole')).reply(200, role, { 'content-type': 'text/xml' });
    const clock = new VirtualTime();
    await clientOf(clock).call('iam', 'GetRole', { RoleName: 'app' });
    expect(clock.sleeps.length).toBeGreaterThanOrEqual(3);
  });

  it('does not repeat a trust policy whose write is unclear', async () => {
    nock(iam)
      .post('/', asks('UpdateAssumeRolePolicy'))
      .once()
      .reply(500, failure('ServiceFailure'), { 'content-type': 'text/xml' });
    await expect(
      clientOf().call('iam', 'UpdateAssumeRolePolicy', { RoleName: 'app', PolicyDocument: '{}' }),
    ).rejects.toMatchObject({ ambiguous: true });
  });

  it('repeats an attachment, which changes nothing the second time', async () => {
    nock(iam).post('/', asks('AttachRolePolicy')).reply(500, failure('ServiceFailure'), { 'content-type': 'text/xml' });
    nock(iam)
      .post('/', asks('AttachRolePolicy'))
      .reply(200, '<AttachRolePolicyResponse/>', { 'content-type': 'text/xml' });
    await clientOf().call('iam', 'AttachRolePolicy', { RoleName: 'app', PolicyArn: 'arn:aws:iam::aws:policy/X' });
  });

  it('speaks the REST protocol of EKS and knows its errors', async () => {
    nock('https://eks.eu-west-1.amazonaws.com')
      .get('/clusters/demo')
      .reply(404, { message: 'none' }, { 'x-amzn-errortype': 'ResourceNotFoundException' });
    await expect(clientOf().call('eks', 'DescribeCluster', { name: 'demo' })).rejects.toMatchObject({
      errorName: 'ResourceNotFound',
    });
  });

  it('refuses to work on an account with the credentials of another', async () => {
    nock('https://sts.eu-west-1.amazonaws.com')
      .post('/', asks('GetCallerIdentity'))
      .reply(
        200,
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/me</Arn><UserId>U</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>',
        { 'content-type': 'text/xml' },
      );
    const accounts = new AwsAccounts({ accountProfiles: {}, accountRoles: {} }, shared(new VirtualTime()), credentials);
    await expect(accounts.for('999988887777').call('iam', 'GetRole', { RoleName: 'x' })).rejects.toMatchObject({
      data: { code: 'RL705' },
    });
  });
});
