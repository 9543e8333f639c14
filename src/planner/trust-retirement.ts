import type { Estate } from '../findings/rule.js';
import { byText } from '../model/canonical.js';
import { parseRoleArn } from '../model/resource.js';
import { listOf, parseTrust, principalsOf, type Statement } from '../trust/document.js';
import type { StepDraft } from './draft.js';
import { shortHash } from './names.js';
import type { Intent } from './proposals.js';
import { roleOf } from './roles.js';

/** Whether a statement lets exactly this broker's principal assume the role, and nobody else. */
const isBrokers = (statement: Statement, assumers: ReadonlySet<string>): boolean => {
  if (statement.Effect !== 'Allow') return false;
  const principals = principalsOf(statement.Principal);
  const aws = principals.get('AWS') ?? [];
  return (
    principals.size === 1 &&
    aws.length > 0 &&
    aws.every((arn) => assumers.has(arn)) &&
    listOf(statement.Action).every((action) => action.toLowerCase() === 'sts:assumerole')
  );
};

/**
 * With `--retire-trust`: the broker's own statement leaves the trust policy of each role that no workload of this cluster gets
 * through the broker any more. Last of all, and behind a confirmation, as other clusters of the same broker cannot be seen from
 * here (H24). A statement that also serves others stays.
 */
export const withTrustRetirement = (
  estate: Estate,
  open: readonly Intent[],
  drafts: readonly StepDraft[],
): readonly StepDraft[] => {
  const moving = new Set(open.flatMap(({ proposal }) => proposal.uses));
  const stillNeeded = new Set(
    estate.uses
      .filter((use) => !moving.has(use))
      .flatMap((use) => [use.role, use.wanted])
      .filter((role) => role !== null),
  );
  const assumers = new Set(estate.inventory.brokers.flatMap((install) => install.assumer ?? []));
  const roles = [
    ...new Set(
      open.flatMap(({ proposal }) => {
        const broker = proposal.from.broker;
        return proposal.from.role !== null && !proposal.newRole && (broker === 'kiam' || broker === 'kube2iam')
          ? [proposal.from.role]
          : [];
      }),
    ),
  ].sort(byText);
  const after = new Map<string, readonly string[]>();
  const retiring = roles.flatMap((arn) => {
    const role = roleOf(estate, arn);
    const parts = parseRoleArn(arn);
    if (role === undefined || parts === null || stillNeeded.has(arn)) return [];
    const document = parseTrust(role.trust);
    if (document.is !== 'document') return [];
    const mine = document.statements.filter((statement) => isBrokers(statement, assumers));
    if (mine.length === 0) return [];
    const users = new Set(open.filter(({ proposal }) => proposal.from.role === arn).map(({ proposal }) => proposal.id));
    const before = drafts.filter((draft) => draft.move !== null && users.has(draft.move) && draft.stage !== 'prepare');
    const name = `${parts.account}/Role/${parts.name}`;
    const gateId = `gate:${name}:retire-trust`;
    const gate: StepDraft = {
      id: gateId,
      kind: 'gate',
      stage: 'retire',
      move: null,
      target: { api: 'none', kind: 'Gate', name: `${name}:retire-trust` },
      params: { gate: { id: gateId, kind: 'confirmation' } },
      before: {},
      after: {},
      dependsOn: before.map((draft) => draft.id),
      undoDependsOn: [],
    };
    const removed = mine.map(
      (statement): StepDraft => ({
        id: `remove-trust-statement:${name}:${shortHash(JSON.stringify(statement))}`,
        kind: 'remove-trust-statement',
        stage: 'retire',
        move: null,
        target: { api: 'iam', kind: 'Role', account: parts.account, name: parts.name },
        params: { account: parts.account, role: parts.name, roleArn: arn, statement },
        before: { statement },
        after: { statement: null },
        dependsOn: [gateId],
        undoDependsOn: [],
      }),
    );
    for (const draft of before)
      after.set(draft.id, [...(after.get(draft.id) ?? []), ...removed.map((step) => step.id)]);
    return [gate, ...removed];
  });
  // The broker must be trusted again before anything goes back to it (H1, H2).
  return [
    ...drafts.map((draft) => ({ ...draft, undoDependsOn: [...draft.undoDependsOn, ...(after.get(draft.id) ?? [])] })),
    ...retiring,
  ];
};
