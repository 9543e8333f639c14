import { contextOf, identityStatements, roleMay } from './caller.js';
import { invalid, noSuchEntity } from './fault.js';
import { isoTime, may, members, need, page, type QueryOperations } from './iam-call.js';
import { decide, statementsOf } from './policy-language.js';

/** IAM's answers about an account as a whole: quotas, last-accessed reports, simulation (IAM API Reference). */

/** GetAccountSummary's keys that are quotas, with AWS's defaults (IAM User Guide, quotas). */
const defaultQuotas: Readonly<Record<string, number>> = {
  AssumeRolePolicySizeQuota: 2048,
  AttachedPoliciesPerRoleQuota: 10,
  RolePolicySizeQuota: 10_240,
  PolicySizeQuota: 6144,
  PoliciesQuota: 1500,
  PolicyVersionsInUseQuota: 10_000,
  RolesQuota: 1000,
  InstanceProfilesQuota: 1000,
  VersionsPerPolicyQuota: 5,
  UsersQuota: 5000,
};

export const reportOperations: QueryOperations = {
  GetAccountSummary: (call) => {
    may(call, 'iam:GetAccountSummary', '*');
    const { account } = call;
    const summary = {
      ...defaultQuotas,
      ...Object.fromEntries(account.quotas.entries()),
      Roles: account.roles.entries().length,
      Policies: account.policies.entries().length,
      Providers: account.providers.entries().length,
      InstanceProfiles: account.profiles.entries().length,
    };
    return { SummaryMap: Object.entries(summary).map(([key, value]) => ({ key, value })) };
  },

  GenerateServiceLastAccessedDetails: (call) => {
    const arn = need(call, 'Arn');
    may(call, 'iam:GenerateServiceLastAccessedDetails', arn);
    if (arn.includes(':role/') && !call.world.role(arn)) throw noSuchEntity(`ARN ${arn} does not exist.`);
    const id = `${call.world.nextId('', 8)}-0000-0000-0000-${call.world.nextId('', 12)}`.toLowerCase();
    call.world.jobs = new Map([...call.world.jobs, [id, arn]]);
    return { JobId: id };
  },

  GetServiceLastAccessedDetails: (call) => {
    may(call, 'iam:GetServiceLastAccessedDetails', '*');
    const id = need(call, 'JobId');
    const arn = call.world.jobs.get(id);
    if (arn === undefined) throw noSuchEntity(`The job ${id} does not exist.`);
    const role = call.world.role(arn);
    const actions = new Set(
      (role ? identityStatements(call.world, role) : [])
        .filter((statement) => statement.effect === 'Allow' && !statement.notActions)
        .flatMap((statement) => statement.actions)
        .filter((action) => action.includes(':')),
    );
    const services = [...new Set([...actions].map((action) => action.split(':')[0] as string))].sort();
    const uses = call.account.actionUses.get(arn, call.world.settings.lastUsedLagMs) ?? {};
    return {
      JobStatus: 'COMPLETED',
      JobType: 'ACTION_LEVEL',
      JobCreationDate: isoTime(call.world.now()),
      JobCompletionDate: isoTime(call.world.now()),
      ServicesLastAccessed: services.map((service) => {
        const seen = Object.entries(uses).filter(([action]) => action.startsWith(`${service}:`));
        const last = seen.length === 0 ? undefined : Math.max(...seen.map(([, at]) => at));
        return {
          ServiceName: service,
          ServiceNamespace: service,
          LastAuthenticated: last === undefined ? undefined : isoTime(last),
          LastAuthenticatedEntity: last === undefined ? undefined : arn,
          TotalAuthenticatedEntities: last === undefined ? 0 : 1,
          TrackedActionsLastAccessed: seen.map(([action, at]) => ({
            ActionName: action.slice(service.length + 1),
            LastAccessedTime: isoTime(at),
            LastAccessedEntity: arn,
          })),
        };
      }),
      IsTruncated: false,
    };
  },

  SimulatePrincipalPolicy: (call) => {
    const arn = need(call, 'PolicySourceArn');
    may(call, 'iam:SimulatePrincipalPolicy', arn);
    const role = call.world.role(arn);
    if (!role && arn.includes(':role/')) throw noSuchEntity(`The role with name ${arn} cannot be found.`);
    if (!role && !/:user\//.test(arn)) throw invalid(`Invalid principal ${arn}`);
    const actions = members(call, 'ActionNames');
    const resources = members(call, 'ResourceArns');
    const results = actions.flatMap((action) =>
      (resources.length === 0 ? ['*'] : resources).map((resource) => {
        const said = role
          ? roleMay(call.world, role, action, resource, contextOf(call.caller))
          : call.userPolicy === null
            ? 'allow'
            : decide(statementsOf(call.userPolicy) ?? [], action, resource, contextOf(call.caller));
        return {
          EvalActionName: action,
          EvalResourceName: resource,
          EvalDecision: said === 'allow' ? 'allowed' : said === 'deny' ? 'explicitDeny' : 'implicitDeny',
          MatchedStatements: [],
          MissingContextValues: [],
        };
      }),
    );
    return page(call, results, 'EvaluationResults', (result) => result);
  },
};
