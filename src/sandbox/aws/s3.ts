import { createHash } from 'node:crypto';
import type { HttpRequest, HttpResponse } from '../contract.js';
import type { Account, World } from './account.js';
import { type Caller, demand } from './caller.js';
import { AwsFault } from './fault.js';
import type { StoredObject } from './records.js';
import { element, type XmlValue } from './xml.js';

/** S3, path style, as far as shared state needs it: whole objects and conditional writes (S3 API Reference, conditional requests). */

interface S3Call {
  readonly world: World;
  readonly account: Account;
  readonly caller: Caller;
  readonly request: HttpRequest;
  readonly userPolicy: string | null;
}

const missing = (key: string): AwsFault => new AwsFault('NoSuchKey', 404, `The specified key does not exist: ${key}`);
const refused = (condition: string): AwsFault =>
  new AwsFault(
    'PreconditionFailed',
    412,
    `At least one of the pre-conditions you specified did not hold: ${condition}`,
  );

const header = (call: S3Call, name: string): string | undefined =>
  Object.entries(call.request.headers).find(([key]) => key.toLowerCase() === name)?.[1];

const headersOf = (object: StoredObject): Record<string, string> => ({
  etag: object.etag,
  'content-type': object.contentType,
  'last-modified': new Date(object.modifiedAt).toUTCString(),
  'accept-ranges': 'bytes',
});

/** aws-chunked bodies come in signed pieces; what they hold is the object. */
const bodyOf = (call: S3Call): string => {
  const encoding = header(call, 'content-encoding') ?? '';
  if (!encoding.includes('aws-chunked')) return call.request.body;
  const bytes = Buffer.from(call.request.body, 'utf8');
  const pieces: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) break;
    const size = Number.parseInt(bytes.subarray(at, end).toString().split(';')[0] as string, 16);
    if (!(size > 0)) break;
    pieces.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
  return Buffer.concat(pieces).toString('utf8');
};

const put = (call: S3Call, bucket: string, key: string): HttpResponse => {
  const id = `${bucket}/${key}`;
  const old = call.account.objects.get(id);
  const match = header(call, 'if-match');
  const none = header(call, 'if-none-match');
  if (none !== undefined && old) throw refused('If-None-Match');
  if (match !== undefined && !old) throw missing(key);
  if (match !== undefined && unquoted(match) !== unquoted(old?.etag ?? '')) throw refused('If-Match');
  const body = bodyOf(call);
  const etag = `"${createHash('md5').update(body).digest('hex')}"`;
  call.account.objects.set(id, {
    bucket,
    key,
    body,
    etag,
    contentType: header(call, 'content-type') ?? 'application/octet-stream',
    modifiedAt: call.world.now(),
  });
  return { status: 200, headers: { etag }, body: '' };
};
const unquoted = (etag: string): string => etag.replace(/^"|"$/g, '');

const get = (call: S3Call, bucket: string, key: string): HttpResponse => {
  const object = call.account.objects.get(`${bucket}/${key}`);
  if (!object) throw missing(key);
  const none = header(call, 'if-none-match');
  if (none !== undefined && unquoted(none) === unquoted(object.etag))
    return { status: 304, headers: headersOf(object), body: '' };
  const length = String(Buffer.byteLength(object.body));
  return call.request.method === 'HEAD'
    ? { status: 200, headers: { ...headersOf(object), 'content-length': length }, body: '' }
    : { status: 200, headers: headersOf(object), body: object.body };
};

const list = (call: S3Call, bucket: string, query: URLSearchParams): HttpResponse => {
  const prefix = query.get('prefix') ?? '';
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const size = Math.min(Math.max(Number(query.get('max-keys') ?? 1000), 1), 1000);
  const all = call.account.objects
    .values()
    .filter((each) => each.bucket === bucket && each.key.startsWith(prefix) && each.key > after)
    .sort((left, right) => (left.key < right.key ? -1 : 1));
  const items = all.slice(0, size);
  const truncated = all.length > size;
  const answer: Record<string, XmlValue> = {
    Name: bucket,
    Prefix: prefix,
    KeyCount: items.length,
    MaxKeys: size,
    IsTruncated: truncated,
    NextContinuationToken: truncated ? items.at(-1)?.key : undefined,
  };
  const fields = Object.entries(answer).map(([name, value]) => element(name, value, 'member'));
  const contents = items.map((each) =>
    element(
      'Contents',
      {
        Key: each.key,
        LastModified: new Date(each.modifiedAt).toISOString(),
        ETag: each.etag,
        Size: Buffer.byteLength(each.body),
        StorageClass: 'STANDARD',
      },
      'member',
    ),
  );
  return {
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${fields.join('')}${contents.join('')}</ListBucketResult>`,
  };
};

/** Answers one S3 request. Every bucket exists but one whose name begins with `missing-`. */
export const s3 = (call: S3Call): HttpResponse => {
  const url = new URL(call.request.url);
  const [bucket = '', ...rest] = url.pathname.slice(1).split('/');
  const key = rest.map((part) => decodeURIComponent(part)).join('/');
  const arn = `arn:${call.account.partition}:s3:::${bucket}`;
  const check = (action: string, resource: string): void =>
    demand(call.world, call.caller, action, resource, call.userPolicy);
  if (bucket.startsWith('missing-')) throw new AwsFault('NoSuchBucket', 404, 'The specified bucket does not exist');
  if (key === '') {
    check('s3:ListBucket', arn);
    if (call.request.method === 'GET' || call.request.method === 'HEAD') return list(call, bucket, url.searchParams);
    if (call.request.method === 'PUT') return { status: 200, headers: {}, body: '' };
    if (call.request.method === 'DELETE') return { status: 204, headers: {}, body: '' };
    throw new AwsFault('MethodNotAllowed', 405, 'The specified method is not allowed against this resource.');
  }
  switch (call.request.method) {
    case 'GET':
    case 'HEAD':
      check('s3:GetObject', `${arn}/${key}`);
      return get(call, bucket, key);
    case 'PUT':
      check('s3:PutObject', `${arn}/${key}`);
      return put(call, bucket, key);
    case 'DELETE':
      check('s3:DeleteObject', `${arn}/${key}`);
      call.account.objects.delete(`${bucket}/${key}`);
      return { status: 204, headers: {}, body: '' };
    default:
      throw new AwsFault('MethodNotAllowed', 405, 'The specified method is not allowed against this resource.');
  }
};
