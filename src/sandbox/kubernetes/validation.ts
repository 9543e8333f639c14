import { isObject, type Json, type JsonObject, listAt, objectAt, textAt } from '../../model/json.js';
import type { Kind } from './kinds.js';
import { type KubeObject, same, withAt } from './object.js';
import { selectorTest } from './selectors.js';
import { type FieldError, forbiddenField, invalidField, requiredField } from './status.js';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const subdomainWords =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const labelName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const labelWords =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const qualifiedName = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/;
const qualifiedWords =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$/;
const labelValueWords =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const metadata = (kind: Kind, object: KubeObject): readonly FieldError[] => {
  const errors: FieldError[] = [];
  const name = textAt(object, 'metadata', 'name') ?? '';
  if (name === '') errors.push(requiredField('metadata.name', 'name or generateName is required'));
  // Names of RBAC objects are path segments: `system:node` is one (ValidatePathSegmentName).
  else if (kind.group === 'rbac.authorization.k8s.io') {
    if (/[/%]/.test(name)) errors.push(invalidField('metadata.name', name, "may not contain '/'"));
  } else if (kind.resource === 'namespaces' || kind.resource === 'services') {
    if (!labelName.test(name) || name.length > 63) errors.push(invalidField('metadata.name', name, labelWords));
  } else if (name.length > 253) errors.push(invalidField('metadata.name', name, 'must be no more than 253 characters'));
  else if (!subdomain.test(name)) errors.push(invalidField('metadata.name', name, subdomainWords));
  let size = 0;
  for (const [key, value] of Object.entries(objectAt(object, 'metadata', 'annotations'))) {
    if (!qualifiedName.test(key.toLowerCase())) {
      errors.push(invalidField('metadata.annotations', key, qualifiedWords));
    }
    size += key.length + String(value).length;
  }
  if (size > 256 * 1024) {
    errors.push({
      reason: 'FieldValueInvalid',
      field: 'metadata.annotations',
      message: 'Too long: must have at most 262144 bytes',
    });
  }
  for (const [key, value] of Object.entries(objectAt(object, 'metadata', 'labels'))) {
    if (!qualifiedName.test(key)) errors.push(invalidField('metadata.labels', key, qualifiedWords));
    if (!labelValue.test(String(value))) errors.push(invalidField('metadata.labels', value, labelValueWords));
  }
  return errors;
};

const podSpec = (spec: JsonObject, at: string): readonly FieldError[] => {
  const errors: FieldError[] = [];
  const containers = listAt(spec, 'containers');
  if (containers.length === 0) errors.push(requiredField(`${at}.containers`));
  const volumes = listAt(spec, 'volumes').map((volume) => textAt(volume, 'name') ?? '');
  for (const list of ['initContainers', 'containers']) {
    listAt(spec, list).forEach((container, index) => {
      const place = `${at}.${list}[${index}]`;
      if ((textAt(container, 'name') ?? '') === '') errors.push(requiredField(`${place}.name`));
      if ((textAt(container, 'image') ?? '') === '') errors.push(requiredField(`${place}.image`));
      listAt(container, 'volumeMounts').forEach((mount, number) => {
        const name = textAt(mount, 'name') ?? '';
        // The ServiceAccount plugin and the webhook bring their own volumes along with their mounts.
        if (!volumes.includes(name)) {
          errors.push({
            reason: 'FieldValueInvalid',
            field: `${place}.volumeMounts[${number}].name`,
            message: `Not found: ${JSON.stringify(name)}`,
          });
        }
      });
    });
  }
  return errors;
};

const selectorMatches = (object: KubeObject): readonly FieldError[] => {
  const selector = objectAt(object, 'spec')['selector'];
  const labels = objectAt(object, 'spec', 'template', 'metadata', 'labels');
  if (!isObject(selector)) return [requiredField('spec.selector')];
  return selectorTest(selector)(labels)
    ? []
    : [invalidField('spec.template.metadata.labels', labels, '`selector` does not match template `labels`')];
};
const templateSpec = (object: KubeObject): readonly FieldError[] =>
  podSpec(objectAt(object, 'spec', 'template', 'spec'), 'spec.template.spec');
const restartPolicy = (spec: JsonObject, at: string): readonly FieldError[] =>
  ['Never', 'OnFailure'].includes(textAt(spec, 'restartPolicy') ?? '')
    ? []
    : [
        {
          reason: 'FieldValueRequired',
          field: `${at}.restartPolicy`,
          message: 'Required value: valid values: "OnFailure", "Never"',
        },
      ];

const immutable = (field: string, before: Json | undefined, after: Json | undefined): readonly FieldError[] =>
  same(before, after) ? [] : [invalidField(field, after ?? null, 'field is immutable')];
const specField = (field: string) => (old: KubeObject, object: KubeObject) =>
  immutable(`spec.${field}`, objectAt(old, 'spec')[field], objectAt(object, 'spec')[field]);

const statefulSetFields = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;
const statefulSetUpdate = (old: KubeObject, object: KubeObject): readonly FieldError[] => {
  const fixed = (value: KubeObject): JsonObject =>
    statefulSetFields.reduce((held, field) => withAt(held, [field], undefined), objectAt(value, 'spec'));
  return same(fixed(old), fixed(object))
    ? []
    : [
        forbiddenField(
          'spec',
          "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        ),
      ];
};
const podUpdate = (old: KubeObject, object: KubeObject): readonly FieldError[] => {
  const fixed = (value: KubeObject): JsonObject => {
    let spec = objectAt(value, 'spec');
    for (const list of ['containers', 'initContainers']) {
      const containers = listAt(spec, list);
      if (containers.length > 0) {
        spec = withAt(
          spec,
          [list],
          containers.map((one) => withAt(objectAt({ one }, 'one'), ['image'], undefined)),
        );
      }
    }
    for (const field of ['activeDeadlineSeconds', 'tolerations', 'terminationGracePeriodSeconds', 'nodeName']) {
      spec = withAt(spec, [field], undefined);
    }
    return spec;
  };
  return same(fixed(old), fixed(object))
    ? []
    : [
        forbiddenField(
          'spec',
          'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
        ),
      ];
};
const jobUpdate = (old: KubeObject, object: KubeObject): readonly FieldError[] => [
  ...specField('completions')(old, object),
  ...specField('selector')(old, object),
  ...specField('template')(old, object),
  ...specField('completionMode')(old, object),
];
const roleRefUpdate = (old: KubeObject, object: KubeObject): readonly FieldError[] =>
  same(old['roleRef'], object['roleRef'])
    ? []
    : [invalidField('roleRef', object['roleRef'] ?? null, 'cannot change roleRef')];
const immutableData = (old: KubeObject, object: KubeObject): readonly FieldError[] =>
  old['immutable'] === true && !same(old['data'], object['data'])
    ? [forbiddenField('data', 'field is immutable when `immutable` is set')]
    : [];

interface Rules {
  readonly any?: (object: KubeObject) => readonly FieldError[];
  readonly update?: (old: KubeObject, object: KubeObject) => readonly FieldError[];
}
const selecting = (object: KubeObject): readonly FieldError[] => [...selectorMatches(object), ...templateSpec(object)];
const bindingRules: Rules = {
  any: (object) => [
    ...((textAt(object, 'roleRef', 'name') ?? '') === '' ? [requiredField('roleRef.name')] : []),
    ...listAt(object, 'subjects').flatMap((subject, index) =>
      textAt(subject, 'kind') === 'ServiceAccount' &&
      (textAt(subject, 'namespace') ?? '') === '' &&
      textAt(object, 'kind') === 'ClusterRoleBinding'
        ? [requiredField(`subjects[${index}].namespace`)]
        : [],
    ),
  ],
  update: roleRefUpdate,
};
const byKind: Readonly<Record<string, Rules>> = {
  '/Pod': { any: (object) => podSpec(objectAt(object, 'spec'), 'spec'), update: podUpdate },
  'apps/Deployment': { any: selecting, update: specField('selector') },
  'apps/ReplicaSet': { any: selecting, update: specField('selector') },
  'apps/DaemonSet': { any: selecting, update: specField('selector') },
  'apps/StatefulSet': { any: selecting, update: statefulSetUpdate },
  '/ReplicationController': { any: templateSpec },
  'batch/Job': {
    any: (object) => [
      ...templateSpec(object),
      ...restartPolicy(objectAt(object, 'spec', 'template', 'spec'), 'spec.template.spec'),
    ],
    update: jobUpdate,
  },
  'batch/CronJob': {
    any: (object) => {
      const spec = objectAt(object, 'spec', 'jobTemplate', 'spec', 'template', 'spec');
      const at = 'spec.jobTemplate.spec.template.spec';
      const schedule = (textAt(object, 'spec', 'schedule') ?? '') === '' ? [requiredField('spec.schedule')] : [];
      return [...schedule, ...podSpec(spec, at), ...restartPolicy(spec, at)];
    },
  },
  'rbac.authorization.k8s.io/RoleBinding': bindingRules,
  'rbac.authorization.k8s.io/ClusterRoleBinding': bindingRules,
  '/Secret': {
    update: (old, object) => [...immutable('type', old['type'], object['type']), ...immutableData(old, object)],
  },
  '/ConfigMap': { update: immutableData },
};

/** What is wrong with an object, alone and beside the one that it replaces. */
export const wrongWith = (kind: Kind, object: KubeObject, old: KubeObject | null): readonly FieldError[] => {
  const key = `${kind.group}/${kind.kind}`;
  const rules: Rules = Object.hasOwn(byKind, key) ? (byKind[key] ?? {}) : {};
  return [
    ...metadata(kind, object),
    ...(rules.any?.(object) ?? []),
    ...(old === null ? [] : (rules.update?.(old, object) ?? [])),
  ];
};

/** The first place where a map of texts holds something else: such a body cannot be decoded at all (400). */
export const undecodable = (object: KubeObject): string | null => {
  const maps = [
    objectAt(object, 'metadata', 'annotations'),
    objectAt(object, 'metadata', 'labels'),
    objectAt(object, 'spec', 'template', 'metadata', 'annotations'),
    objectAt(object, 'spec', 'template', 'metadata', 'labels'),
  ];
  for (const map of maps) {
    for (const value of Object.values(map)) {
      if (typeof value !== 'string') {
        return `json: cannot unmarshal ${value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value === 'object' ? 'object' : typeof value === 'boolean' ? 'bool' : 'number'} into Go struct field ObjectMeta.metadata.annotations of type string`;
      }
    }
  }
  return null;
};
