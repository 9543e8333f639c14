import { z } from 'zod';

/** A scenario: everything that a sandbox begins with. Written by hand under examples/, or made from an inventory. */

const texts = z.record(z.string(), z.string());
const document = z.union([z.string(), z.record(z.string(), z.unknown())]);
const object = z.record(z.string(), z.unknown());

const roleSchema = z.strictObject({
  name: z.string(),
  path: z.string().default('/'),
  /** A fixed unique id (`AROA…`); made up where there is none. */
  id: z.string().optional(),
  description: z.string().default(''),
  trust: document,
  /** ARNs, or names of AWS's own policies or of policies of this account. */
  attached: z.array(z.string()).default([]),
  inline: z.record(z.string(), document).default({}),
  boundary: z.string().optional(),
  maxSessionSeconds: z.number().default(3600),
  tags: texts.default({}),
  lastUsed: z.string().optional(),
});

const associationSchema = z.strictObject({
  id: z.string().optional(),
  namespace: z.string(),
  serviceAccount: z.string(),
  role: z.string(),
  targetRole: z.string().optional(),
  externalId: z.string().optional(),
  disableSessionTags: z.boolean().default(false),
  addon: z.string().optional(),
  tags: texts.default({}),
});
const addonSchema = z.strictObject({
  name: z.string(),
  version: z.string().optional(),
  role: z.string().optional(),
  status: z.enum(['ACTIVE', 'DEGRADED']).default('ACTIVE'),
});
const nodegroupSchema = z.strictObject({
  name: z.string(),
  role: z.string(),
  launchTemplate: z.string().optional(),
  instanceTypes: z.array(z.string()).default(['m6i.large']),
});

const accountSchema = z.strictObject({
  partition: z.string().optional(),
  quotas: z.record(z.string(), z.number()).default({}),
  roles: z.array(roleSchema).default([]),
  users: z.array(z.string()).default([]),
  policies: z
    .array(
      z.strictObject({
        name: z.string(),
        path: z.string().default('/'),
        description: z.string().default(''),
        document,
        versionId: z.string().default('v1'),
        tags: texts.default({}),
      }),
    )
    .default([]),
  /** `issuer` of `cluster` means the simulated cluster's. */
  oidcProviders: z
    .array(
      z.strictObject({
        issuer: z.string(),
        audiences: z.array(z.string()).default(['sts.amazonaws.com']),
        tags: texts.default({}),
      }),
    )
    .default([]),
  instanceProfiles: z
    .array(z.strictObject({ name: z.string(), path: z.string().default('/'), role: z.string().nullable() }))
    .default([]),
  /** Instances outside the cluster. */
  instances: z
    .array(
      z.strictObject({
        id: z.string(),
        region: z.string().optional(),
        instanceProfile: z.string().nullable().default(null),
        tags: texts.default({}),
        hopLimit: z.number().default(2),
        tokensRequired: z.boolean().default(false),
        launchTemplate: z.string().optional(),
      }),
    )
    .default([]),
  /** Other EKS clusters of the account, known to the APIs and otherwise not there. */
  neighbours: z
    .array(z.strictObject({ name: z.string(), region: z.string(), nodegroups: z.array(nodegroupSchema).default([]) }))
    .default([]),
});

export const nodeSchema = z.strictObject({
  name: z.string(),
  instanceId: z.string().optional(),
  /** Null for nodes without one, as Fargate's. */
  instanceProfile: z.string().nullable().default(null),
  nodegroup: z.string().optional(),
  labels: texts.default({}),
  taints: z.array(z.object({ key: z.string(), value: z.string().default(''), effect: z.string() })).default([]),
  hopLimit: z.number().default(2),
  tokensRequired: z.boolean().default(false),
  compute: z.enum(['ec2', 'fargate', 'auto', 'hybrid', 'windows']).default('ec2'),
  ready: z.boolean().default(true),
});

export const scenarioSchema = z.strictObject({
  title: z.string().default(''),
  /** What was made up because nobody could read it. */
  assumed: z.array(z.string()).default([]),
  cluster: z.strictObject({
    name: z.string(),
    kind: z.enum(['eks', 'giantswarm', 'kops', 'self-managed']).default('eks'),
    account: z.string().regex(/^\d{12}$/),
    region: z.string().default('eu-west-1'),
    partition: z.string().default('aws'),
    version: z.string().default('1.33'),
    platformVersion: z.string().default('eks.12'),
    /** `https://…` */
    issuer: z.string(),
    ipFamily: z.enum(['ipv4', 'ipv6']).default('ipv4'),
    autoMode: z.boolean().default(false),
    authenticationMode: z.enum(['API', 'API_AND_CONFIG_MAP', 'CONFIG_MAP']).default('API_AND_CONFIG_MAP'),
    endpointPublicAccess: z.boolean().default(true),
    webhook: object.default({}),
    timings: object.default({}),
    nodegroups: z.array(nodegroupSchema).default([]),
    fargateProfiles: z
      .array(
        z.strictObject({
          name: z.string(),
          role: z.string(),
          selectors: z.array(z.object({ namespace: z.string(), labels: texts.default({}) })).default([]),
        }),
      )
      .default([]),
    accessEntries: z
      .array(z.strictObject({ principalArn: z.string(), type: z.string().default('STANDARD') }))
      .default([]),
    addons: z.array(addonSchema).default([]),
    associations: z.array(associationSchema).default([]),
  }),
  regions: z.array(z.string()).default([]),
  /** AWS's own policies, where they shall be others than the sandbox knows. */
  awsPolicies: z.array(z.strictObject({ arn: z.string(), versionId: z.string(), document: z.string() })).default([]),
  accounts: z.record(z.string().regex(/^\d{12}$/), accountSchema),
  nodes: z.array(nodeSchema).default([]),
  kubernetes: z.array(object).default([]),
  settings: z.record(z.string(), z.unknown()).default({}),
});
export type Scenario = z.infer<typeof scenarioSchema>;
export type ScenarioInput = z.input<typeof scenarioSchema>;
