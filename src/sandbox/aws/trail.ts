import type { JsonObject } from '../../model/json.js';
import type { World } from './account.js';
import type { Caller } from './caller.js';
import { demand } from './caller.js';
import { AwsFault } from './fault.js';
import type { TrailEvent } from './records.js';

/** CloudTrail, as far as the sandbox keeps it: who took which role (CloudTrail API Reference, LookupEvents). */

const mostEvents = 50_000;

export interface Assumption {
  readonly name: TrailEvent['name'];
  readonly account: string;
  readonly region: string;
  readonly roleArn: string;
  readonly sessionName: string;
  readonly accessKeyId: string;
  readonly username: string;
  readonly userIdentity: JsonObject;
  readonly at?: number;
}

export const recordAssumption = (world: World, event: Assumption): void => {
  const at = event.at ?? world.now();
  const id = `${world.nextId('', 8)}-0000-4000-8000-${world.nextId('', 12)}`.toLowerCase();
  const record = {
    eventVersion: '1.08',
    userIdentity: event.userIdentity,
    eventTime: new Date(at).toISOString().replace(/\.\d+Z$/, 'Z'),
    eventSource: 'sts.amazonaws.com',
    eventName: event.name,
    awsRegion: event.region,
    requestParameters: { roleArn: event.roleArn, roleSessionName: event.sessionName },
    responseElements: { credentials: { accessKeyId: event.accessKeyId } },
    eventID: id,
    eventType: 'AwsApiCall',
    recipientAccountId: event.account,
  };
  const kept: TrailEvent = {
    id,
    account: event.account,
    region: event.region,
    at,
    name: event.name,
    username: event.username,
    accessKeyId: event.accessKeyId,
    roleArn: event.roleArn,
    record: JSON.stringify(record),
  };
  world.events = [...world.events.slice(-(mostEvents - 1)), kept];
};

/** LookupEvents: newest first, by at most one attribute, with the delay that CloudTrail has. */
export const lookupEvents = (
  world: World,
  caller: Caller,
  region: string,
  input: JsonObject,
  userPolicy: string | null,
): JsonObject => {
  demand(world, caller, 'cloudtrail:LookupEvents', '*', userPolicy);
  const attributes = Array.isArray(input['LookupAttributes']) ? (input['LookupAttributes'] as JsonObject[]) : [];
  if (attributes.length > 1)
    throw new AwsFault('InvalidLookupAttributesException', 400, 'Only one lookup attribute can be specified.');
  const attribute = attributes[0];
  const from = typeof input['StartTime'] === 'number' ? input['StartTime'] * 1000 : 0;
  const to = typeof input['EndTime'] === 'number' ? input['EndTime'] * 1000 : Number.POSITIVE_INFINITY;
  const seen = world.now() - world.settings.cloudtrailLagMs;
  const meets = (event: TrailEvent): boolean => {
    const value = attribute?.['AttributeValue'];
    switch (attribute?.['AttributeKey']) {
      case undefined:
        return true;
      case 'EventName':
        return event.name === value;
      case 'Username':
        return event.username === value;
      case 'ResourceName':
        return event.roleArn === value || event.accessKeyId === value;
      case 'ResourceType':
        return value === 'AWS::IAM::Role' || value === 'AWS::IAM::AccessKey';
      case 'EventSource':
        return value === 'sts.amazonaws.com';
      case 'EventId':
        return event.id === value;
      case 'AccessKeyId':
        return event.accessKeyId === value;
      case 'ReadOnly':
        return value === 'true';
      default:
        throw new AwsFault('InvalidLookupAttributesException', 400, 'Unknown lookup attribute.');
    }
  };
  const found = world.events
    .filter((event) => event.account === caller.account && event.region === region && event.at <= seen)
    // Whole seconds, as the events themselves tell their time.
    .filter((event) => event.at >= Math.floor(from / 1000) * 1000 && event.at <= to && meets(event))
    .sort((left, right) => right.at - left.at);
  const size = Math.min(Math.max(Number(input['MaxResults'] ?? 50), 1), 50);
  const start = Number(typeof input['NextToken'] === 'string' ? input['NextToken'] : 0) || 0;
  return {
    Events: found.slice(start, start + size).map((event) => ({
      EventId: event.id,
      EventName: event.name,
      EventTime: Math.floor(event.at / 1000),
      EventSource: 'sts.amazonaws.com',
      ReadOnly: 'true',
      Username: event.username,
      AccessKeyId: event.accessKeyId,
      Resources: [
        { ResourceType: 'AWS::IAM::Role', ResourceName: event.roleArn },
        { ResourceType: 'AWS::IAM::AccessKey', ResourceName: event.accessKeyId },
      ],
      CloudTrailEvent: event.record,
    })),
    ...(start + size < found.length ? { NextToken: String(start + size) } : {}),
  };
};
