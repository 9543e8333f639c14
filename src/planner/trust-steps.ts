import type { Estate } from '../findings/rule.js';
import { type TrustOf, trustStatements } from '../findings/trust-plans.js';
import type { Inventory } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';
import { oncePer } from '../model/once-per.js';
import type { PlanOptions } from '../model/options.js';
import { parseRoleArn } from '../model/resource.js';
import type { Mechanism } from '../model/words.js';
import { addStatements } from '../trust/edit.js';
import { issuerHost, providerArnFor } from '../trust/statement.js';
import type { StepDraft } from './draft.js';
import { roleOf } from './roles.js';

/** Non-white-space characters of a trust policy where the account's quota was not read (IAM quotas: 2048 by default). */
const defaultTrustLimit = 2048;
export const trustLimit = (inventory: Inventory, account: string): number => {
  const quotas = inventory.accounts.find((known) => known.id === account)?.quotas ?? {};
  return Object.hasOwn(quotas, 'AssumeRolePolicySizeQuota')
    ? (quotas.AssumeRolePolicySizeQuota as number)
    : defaultTrustLimit;
};

const room = oncePer((_estate: Estate) => oncePer((_options: PlanOptions) => new Map<string, boolean>()));

/** Whether one more service account's statements fit the role's trust policy; true where the policy was not read. */
export const trustFits = (estate: Estate, options: PlanOptions, role: string, mechanism: Mechanism): boolean => {
  const answers = room(estate)(options);
  const key = `${mechanism} ${role}`;
  const fits = answers.get(key) ?? hasRoom(estate, options, role, mechanism);
  answers.set(key, fits);
  return fits;
};

const hasRoom = (estate: Estate, options: PlanOptions, role: string, mechanism: Mechanism): boolean => {
  const known = roleOf(estate, role);
  if (known === undefined) return true;
  const sample = { role, mechanism, namespace: 'n'.repeat(20), serviceAccount: 'a'.repeat(20) };
  const limit = trustLimit(estate.inventory, known.account);
  const after = addStatements(
    known.trust,
    trustStatements(estate, options, sample).map(({ statement }) => statement),
    { limit },
  );
  return after.is === 'fits' || after.reason !== 'too-large';
};

/** `<ns>.<sa>`, with the host behind it for a second issuer: the phase of a trust step's id. */
const trustPhase = (of: TrustOf, issuer: string | null, first: boolean): string =>
  `${of.namespace}.${of.serviceAccount}${first || issuer === null ? '' : `.${issuerHost(issuer)}`}`;

/** One `add-trust-statement` step per move, role and issuer; one for all moves of the role where it ends at the cluster. */
export const trustSteps = (
  estate: Estate,
  options: PlanOptions,
  of: TrustOf & { readonly move: string; readonly dependsOn: (issuer: string | null) => readonly string[] },
  wanted: (issuer: string | null) => boolean = () => true,
): readonly StepDraft[] => {
  const role = parseRoleArn(of.role);
  if (role === null) return [];
  return trustStatements(estate, options, of).flatMap(({ issuer, statement }, index) =>
    !wanted(issuer)
      ? []
      : trustStep(estate, {
          move: of.clusterWide === true ? null : of.move,
          roleArn: of.role,
          statement,
          phase: of.clusterWide === true ? 'cluster' : trustPhase(of, issuer, index === 0),
          dependsOn: of.dependsOn(issuer),
        }),
  );
};

/** The step that adds one statement to one role's trust policy. */
export const trustStep = (
  estate: Estate,
  of: {
    readonly move: string | null;
    readonly roleArn: string;
    readonly statement: JsonObject;
    readonly phase: string;
    readonly dependsOn: readonly string[];
  },
): StepDraft => {
  const role = parseRoleArn(of.roleArn);
  const [account, name] = [role?.account ?? '', role?.name ?? of.roleArn];
  return {
    id: `add-trust-statement:${account}/Role/${name}:${of.phase}`,
    kind: 'add-trust-statement',
    stage: 'prepare',
    move: of.move,
    target: { api: 'iam', kind: 'Role', account, name },
    params: {
      account,
      role: name,
      roleArn: of.roleArn,
      statement: of.statement,
      limit: trustLimit(estate.inventory, account),
    },
    before: { statement: null },
    after: { statement: of.statement },
    dependsOn: of.dependsOn,
    undoDependsOn: [],
  };
};

/** The provider of one issuer in one account, where it is missing or lacks the audience; null where nothing is to do. */
export const providerStep = (
  estate: Estate,
  of: {
    readonly account: string;
    readonly partition: string;
    readonly issuer: string;
    readonly audiences: readonly string[];
  },
): StepDraft | null => {
  const arn = providerArnFor(of.partition, of.account, of.issuer);
  const known = estate.inventory.oidcProviders.find((provider) => provider.arn === arn);
  const missing = of.audiences.filter((audience) => !(known?.audiences ?? []).includes(audience));
  if (known !== undefined && missing.length === 0) return null;
  const host = issuerHost(of.issuer);
  return {
    id: `create-oidc-provider:${of.account}/OIDCProvider/${host}`,
    kind: 'create-oidc-provider',
    stage: 'prepare',
    move: null,
    target: { api: 'iam', kind: 'OIDCProvider', account: of.account, name: host },
    params: { account: of.account, issuer: `https://${host}`, audiences: [...of.audiences] },
    before: { exists: known !== undefined, audiences: known === undefined ? [] : [...known.audiences] },
    after: { exists: true, audiences: [...new Set([...(known?.audiences ?? []), ...of.audiences])] },
    dependsOn: [],
    undoDependsOn: [],
  };
};
