import type { Estate } from '../findings/rule.js';
import { audienceOf, issuersOf, missingForIssuers } from '../findings/trust-plans.js';
import type { PlanOptions } from '../model/options.js';
import { parseRoleArn } from '../model/resource.js';
import type { Mechanism } from '../model/words.js';
import { agentStep, chainSteps } from './association-steps.js';
import type { Identity, StepDraft } from './draft.js';
import { platformSteps } from './platform-steps.js';
import type { Intent } from './proposals.js';
import { newRoleSteps } from './role-steps.js';
import { providerStep, trustSteps } from './trust-steps.js';

/** What the steps of one move are made of. */
export interface Context {
  readonly estate: Estate;
  readonly options: PlanOptions;
  readonly intent: Intent;
  readonly to: NonNullable<Intent['proposal']['to']>;
  readonly identity: Identity;
}

const ids = (drafts: readonly StepDraft[]): readonly string[] => drafts.map((draft) => draft.id);

/** Provider steps of the role's account, one an issuer; shared by every move of that account. */
const providerSteps = (of: Context): ReadonlyMap<string, StepDraft> => {
  const role = parseRoleArn(of.to.role);
  const found = new Map<string, StepDraft>();
  if (role === null) return found;
  const audience = audienceOf(of.estate, of.to.namespace, of.to.serviceAccount);
  for (const issuer of issuersOf(of.estate.inventory, of.options)) {
    const step = providerStep(of.estate, {
      account: role.account,
      partition: role.partition,
      issuer,
      audiences: [audience],
    });
    if (step !== null) found.set(issuer, step);
  }
  return found;
};

/** What must hold in AWS before the account is bound: provider or agent, roles and policies, trust. */
export const prepareAws = (of: Context): readonly StepDraft[] => {
  const { estate, options, intent, to } = of;
  const mechanism: Mechanism = to.mechanism;
  const platform = mechanism === 'irsa' ? platformSteps(estate, options) : [];
  const shared = new Map(
    mechanism === 'irsa'
      ? [...providerSteps(of)].map(([issuer, step]) => [issuer, { ...step, dependsOn: ids(platform) }] as const)
      : [],
  );
  const agent = mechanism === 'pod-identity' ? agentStep(estate) : null;
  const base = [...platform, ...shared.values(), ...(agent === null ? [] : [agent])];
  const bound = {
    role: to.associationRole ?? to.role,
    namespace: to.namespace,
    serviceAccount: to.serviceAccount,
    mechanism,
    clusterWide: intent.clusterWide === true,
  };
  const providerOf = (issuer: string | null): readonly string[] => {
    const step = issuer === null ? undefined : shared.get(issuer);
    return step === undefined ? ids(platform) : [step.id];
  };
  if (intent.proposal.newRole) {
    const created = newRoleSteps(estate, options, intent, [...ids([...shared.values()])]);
    return [...base, ...created, ...(to.associationRole === null ? [] : chainSteps(estate, options, intent, created))];
  }
  if (to.associationRole !== null) return [...base, ...chainSteps(estate, options, intent, [])];
  return [...base, ...trustSteps(estate, options, { ...bound, move: intent.proposal.id, dependsOn: providerOf })];
};

/** For what is bound already: the issuers that its role does not trust yet, and no more. */
export const issuerSteps = (of: Context): readonly StepDraft[] => {
  const { estate, options, intent, to } = of;
  const trust = { role: to.role, namespace: to.namespace, serviceAccount: to.serviceAccount, mechanism: to.mechanism };
  const missing = new Set(missingForIssuers(estate, options, trust).map(({ issuer }) => issuer));
  const providers = new Map([...providerSteps(of)].filter(([issuer]) => missing.has(issuer)));
  const steps = trustSteps(
    estate,
    options,
    {
      ...trust,
      move: intent.proposal.id,
      dependsOn: (issuer) => {
        const provider = issuer === null ? undefined : providers.get(issuer);
        return provider === undefined ? [] : [provider.id];
      },
    },
    (issuer) => missing.has(issuer),
  );
  return [...providers.values(), ...steps];
};
