import type { Json, JsonObject } from './object.js';
import { unsupportedMediaType } from './status.js';

/**
 * Bodies that kubectl's typed commands (`create token`, `auth can-i`, `create serviceaccount`, `drain`) send as protobuf. Only
 * messages and fields listed here are read (numbers from k8s.io/api `generated.proto`); any other is refused with 415, never guessed.
 */

type Field = readonly [name: string, type: Type, repeated?: 'repeated'];
interface Message {
  readonly [field: number]: Field;
}
type Type = 'text' | 'number' | 'bool' | 'base64' | 'map' | 'time' | 'ignored' | Message;

const meta: Message = {
  1: ['name', 'text'],
  2: ['generateName', 'text'],
  3: ['namespace', 'text'],
  4: ['selfLink', 'ignored'],
  5: ['uid', 'text'],
  6: ['resourceVersion', 'text'],
  7: ['generation', 'ignored'],
  8: ['creationTimestamp', 'ignored'],
  11: ['labels', 'map'],
  12: ['annotations', 'map'],
  14: ['finalizers', 'text', 'repeated'],
  13: [
    'ownerReferences',
    {
      1: ['kind', 'text'],
      3: ['name', 'text'],
      4: ['uid', 'text'],
      5: ['apiVersion', 'text'],
      6: ['controller', 'bool'],
      7: ['blockOwnerDeletion', 'bool'],
    },
    'repeated',
  ],
};
const metadata: Field = ['metadata', meta];
const local: Message = { 1: ['name', 'text'] };
const attributes: Message = {
  1: ['namespace', 'text'],
  2: ['verb', 'text'],
  3: ['group', 'text'],
  4: ['version', 'text'],
  5: ['resource', 'text'],
  6: ['subresource', 'text'],
  7: ['name', 'text'],
};
const path: Message = { 1: ['path', 'text'], 2: ['verb', 'text'] };
const selector: Message = {
  1: ['matchLabels', 'map'],
  2: [
    'matchExpressions',
    { 1: ['key', 'text'], 2: ['operator', 'text'], 3: ['values', 'text', 'repeated'] },
    'repeated',
  ],
};
const container: Message = {
  1: ['name', 'text'],
  2: ['image', 'text'],
  3: ['command', 'text', 'repeated'],
  4: ['args', 'text', 'repeated'],
  5: ['workingDir', 'text'],
  7: ['env', { 1: ['name', 'text'], 2: ['value', 'text'] }, 'repeated'],
  8: ['resources', {}],
  13: ['terminationMessagePath', 'text'],
  14: ['imagePullPolicy', 'text'],
  16: ['stdin', 'bool'],
  17: ['stdinOnce', 'bool'],
  18: ['tty', 'bool'],
  20: ['terminationMessagePolicy', 'text'],
};
const podSpec: Message = {
  2: ['containers', container, 'repeated'],
  3: ['restartPolicy', 'text'],
  4: ['terminationGracePeriodSeconds', 'number'],
  6: ['dnsPolicy', 'text'],
  7: ['nodeSelector', 'map'],
  8: ['serviceAccountName', 'text'],
  9: ['serviceAccount', 'text'],
  10: ['nodeName', 'text'],
  11: ['hostNetwork', 'bool'],
  12: ['hostPID', 'bool'],
  13: ['hostIPC', 'bool'],
  14: ['securityContext', {}],
  16: ['hostname', 'text'],
  17: ['subdomain', 'text'],
  19: ['schedulerName', 'text'],
  20: ['initContainers', container, 'repeated'],
  24: ['priorityClassName', 'text'],
};
const template: Message = { 1: metadata, 2: ['spec', podSpec] };
const ignoredStatus: Field = ['status', 'ignored'];
const messages: Readonly<Record<string, Message>> = {
  TokenRequest: {
    1: metadata,
    2: [
      'spec',
      {
        1: ['audiences', 'text', 'repeated'],
        3: [
          'boundObjectRef',
          { 1: ['kind', 'text'], 2: ['apiVersion', 'text'], 3: ['name', 'text'], 4: ['uid', 'text'] },
        ],
        4: ['expirationSeconds', 'number'],
      },
    ],
    3: ignoredStatus,
  },
  SelfSubjectReview: { 1: metadata, 2: ignoredStatus },
  SelfSubjectAccessReview: {
    1: metadata,
    2: ['spec', { 1: ['resourceAttributes', attributes], 2: ['nonResourceAttributes', path] }],
    3: ignoredStatus,
  },
  SelfSubjectRulesReview: { 1: metadata, 2: ['spec', { 1: ['namespace', 'text'] }], 3: ignoredStatus },
  Namespace: { 1: metadata, 2: ['spec', 'ignored'], 3: ignoredStatus },
  ServiceAccount: {
    1: metadata,
    3: ['imagePullSecrets', local, 'repeated'],
    4: ['automountServiceAccountToken', 'bool'],
  },
  ConfigMap: { 1: metadata, 2: ['data', 'map'], 4: ['immutable', 'bool'] },
  Pod: { 1: metadata, 2: ['spec', podSpec], 3: ignoredStatus },
  Deployment: {
    1: metadata,
    2: [
      'spec',
      {
        1: ['replicas', 'number'],
        2: ['selector', selector],
        3: ['template', template],
        4: ['strategy', { 1: ['type', 'text'] }],
        5: ['minReadySeconds', 'number'],
        7: ['paused', 'bool'],
      },
    ],
    3: ignoredStatus,
  },
  Job: {
    1: metadata,
    2: [
      'spec',
      {
        1: ['parallelism', 'number'],
        2: ['completions', 'number'],
        3: ['activeDeadlineSeconds', 'number'],
        5: ['manualSelector', 'bool'],
        6: ['template', template],
        7: ['backoffLimit', 'number'],
        8: ['ttlSecondsAfterFinished', 'number'],
        9: ['completionMode', 'text'],
        10: ['suspend', 'bool'],
        14: ['podReplacementPolicy', 'text'],
      },
    ],
    3: ignoredStatus,
  },
  Eviction: {
    1: metadata,
    2: [
      'deleteOptions',
      {
        1: ['gracePeriodSeconds', 'number'],
        2: ['preconditions', { 1: ['uid', 'text'] }],
        5: ['dryRun', 'text', 'repeated'],
      },
    ],
  },
  RoleBinding: {
    1: metadata,
    2: [
      'subjects',
      { 1: ['kind', 'text'], 2: ['apiGroup', 'text'], 3: ['name', 'text'], 4: ['namespace', 'text'] },
      'repeated',
    ],
    3: ['roleRef', { 1: ['apiGroup', 'text'], 2: ['kind', 'text'], 3: ['name', 'text'] }],
  },
};

const unknown = () => unsupportedMediaType(['application/json', 'application/yaml']);
interface Part {
  readonly field: number;
  readonly value: number | Buffer;
}
const parts = (bytes: Buffer): readonly Part[] => {
  const out: Part[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 64; shift += 7) {
      const byte = bytes[at];
      if (byte === undefined) throw unknown();
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw unknown();
  };
  while (at < bytes.length) {
    const key = varint();
    const wire = key & 7;
    if (wire === 0) out.push({ field: key >>> 3, value: varint() });
    else if (wire === 2) {
      const length = varint();
      if (at + length > bytes.length) throw unknown();
      out.push({ field: key >>> 3, value: bytes.subarray(at, at + length) });
      at += length;
    } else throw unknown();
  }
  return out;
};
const plain = (value: number | Buffer, type: Type): Json | undefined => {
  if (typeof type === 'object') return Buffer.isBuffer(value) ? message(value, type) : undefined;
  switch (type) {
    case 'text':
      return Buffer.isBuffer(value) ? value.toString('utf8') : undefined;
    case 'base64':
      return Buffer.isBuffer(value) ? value.toString('base64') : undefined;
    case 'number':
      return typeof value === 'number' ? value : undefined;
    case 'bool':
      return value === 1;
    default:
      return undefined;
  }
};
const message = (bytes: Buffer, schema: Message): JsonObject => {
  const out = new Map<string, Json>();
  for (const { field, value } of parts(bytes)) {
    const known = schema[field];
    // Go writes empty texts and messages of fields that nobody set.
    if (known === undefined) {
      if (value === 0 || (Buffer.isBuffer(value) && value.length === 0)) continue;
      throw unknown();
    }
    const [name, type, repeated] = known;
    if (type === 'map' && Buffer.isBuffer(value)) {
      const entry = message(value, { 1: ['key', 'text'], 2: ['value', 'text'] });
      out.set(name, {
        ...(out.get(name) as JsonObject | undefined),
        [String(entry['key'] ?? '')]: entry['value'] ?? '',
      });
      continue;
    }
    const read = plain(value, type);
    if (read === undefined || (read === '' && repeated === undefined)) continue;
    if (repeated === undefined) out.set(name, read);
    else out.set(name, [...((out.get(name) as readonly Json[] | undefined) ?? []), read]);
  }
  return Object.fromEntries(out);
};

/** The object of a Kubernetes protobuf body, given as text of one character a byte (latin1); 415 where it is not known here. */
export const readProtobuf = (body: string): JsonObject => {
  const bytes = Buffer.from(body, 'latin1');
  if (bytes.subarray(0, 4).toString('latin1') !== 'k8s\0') throw unknown();
  const envelope = message(bytes.subarray(4), {
    1: ['type', { 1: ['apiVersion', 'text'], 2: ['kind', 'text'] }],
    2: ['raw', 'base64'],
    3: ['encoding', 'text'],
    4: ['contentType', 'text'],
  });
  const type = envelope['type'] as JsonObject | undefined;
  const kind = String(type?.['kind'] ?? '');
  const schema = Object.hasOwn(messages, kind) ? messages[kind] : undefined;
  if (schema === undefined) throw unknown();
  return { ...type, ...message(Buffer.from(String(envelope['raw'] ?? ''), 'base64'), schema) };
};
