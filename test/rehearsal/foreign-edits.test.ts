import { beforeAll, describe, expect, it } from 'vitest';
import type { HttpRequest } from '../../src/model/http.js';
import { type JsonObject, textAt } from '../../src/model/json.js';
import type { Step } from '../../src/model/plan.js';
import { faultsFor, foreignEdits, movedIn } from '../../src/rehearsal/faults.js';
import { identityModel } from '../../src/rehearsal/model.js';
import { OpenWindows } from '../../src/rehearsal/open-windows.js';
import { engine } from '../../src/rehearsal/play.js';
import { raiseTwin, Troupe, type Twin } from '../../src/rehearsal/twin.js';
import { type Fault, playWhole } from '../../src/rehearsal/whole-play.js';
import { trustRequestOf } from '../../src/rehearsal/writes.js';
import { twinOf } from '../../src/sandbox/twin.js';
import { registry } from '../../src/steps/registry.js';
import type { StepKind } from '../../src/steps/step.js';
import { fast, planned } from './estates.js';
import { accountObject, kiamTrust, manyMoves, workload } from './many-moves.js';

describe('edits of another hand', () => {
  let estate: Awaited<ReturnType<typeof planned>>;
  let start: Twin;
  let troupe: Troupe;
  beforeAll(async () => {
    // One account, three roles: their trust policies are written side by side.
    const names = ['a', 'b', 'c'];
    const permitted = { name: 'k', annotations: { 'iam.amazonaws.com/permitted': '.*' } };
    estate = await planned(
      await manyMoves(0, {
        objects: [
          { apiVersion: 'v1', kind: 'Namespace', metadata: permitted },
          accountObject('k', 'app'),
          ...names.map((name) => workload('Deployment', 'k', name, 'app', `role-${name}`)),
        ],
        roles: names.map((name) => ({ name: `role-${name}`, trust: kiamTrust })),
      }),
    );
    const scenario = twinOf(estate.inventory);
    start = await raiseTwin(scenario);
    troupe = await Troupe.of(scenario, fast);
  });
  const play = (fault: Fault, kinds = registry) =>
    playWhole({
      cast: { plan: estate.plan, registry: kinds, engine, troupe },
      inventory: estate.inventory,
      model: identityModel,
      start,
      fault,
    });
  const editAfter = (moment: number) => foreignEdits(start, movedIn(estate.plan, estate.inventory), moment).fault;
  const told = ({ failures }: Awaited<ReturnType<typeof play>>): string =>
    failures.map(({ message }) => message).join('\n');

  it('survive a plan that is right, also where they would fall between the read and the write of a trust policy', async () => {
    // The reads, by number, behind which that role's trust policy was written next.
    const last = new Map<string, number>();
    const worst: number[] = [];
    let reads = 0;
    const look = (request: HttpRequest): void => {
      const about = trustRequestOf(request);
      if (about?.is === 'read') last.set(about.role, ++reads);
      if (about?.is === 'write') worst.push(last.get(about.role) ?? 0);
    };
    expect(told(await play({ name: 'none', how: '', answered: look }))).toBe('');
    expect(worst).toHaveLength(6);
    for (const number of worst) {
      let twin: Twin | null = null;
      let seen = 0;
      const fault = editAfter(1);
      const played = await play({
        ...fault,
        begin: (given) => {
          fault.begin?.(given);
          twin = given;
        },
        after: () => undefined,
        answered: (request) => {
          fault.answered?.(request);
          if (trustRequestOf(request)?.is === 'read') seen += 1;
          if (seen !== number || twin === null) return;
          fault.after?.(twin, { title: '', keys: [] }, 1);
          twin = null;
        },
      });
      expect(twin).toBeNull();
      expect(`read ${number}: ${told(played)}`).toBe(`read ${number}: `);
    }
  }, 60_000);

  it('are made before the rollback where a plan writes less than that', async () => {
    expect(told(await play(editAfter(1_000)))).toBe('');
  });

  it('are missed where an undo overwrites the trust policy with what it was', async () => {
    const add = registry.get('add-trust-statement') as StepKind;
    const blind: StepKind = {
      ...add,
      undo: async (ctx, step: Step, record) => {
        const before = textAt(record.preimage, 'document', 'value') ?? '';
        const { account, role } = step.params as JsonObject & { readonly account: string; readonly role: string };
        await ctx.aws(account).call('iam', 'GetRole', { RoleName: role });
        await ctx.aws(account).call('iam', 'UpdateAssumeRolePolicy', { RoleName: role, PolicyDocument: before });
        return { is: 'done', how: 'exact', note: '' };
      },
    };
    const faults = await faultsFor(start, estate.plan, estate.inventory, true);
    const fault = faults.find(({ fault: { name } }) => name === 'foreign edits')?.fault ?? editAfter(0);
    const played = await play(fault, new Map([...registry, [add.kind, blind]]));
    for (const role of ['role-a', 'role-b', 'role-c'])
      expect(told(played)).toMatch(`roles/${role}/trust/Statement was`);
  });
});

describe('the window between the read and the write of a role', () => {
  const request = (action: string, role = 'Api') => ({
    method: 'POST',
    url: 'http://iam/',
    headers: { authorization: 'AWS4-HMAC-SHA256 Credential=AKIA0000111122223333/20260101/eu-west-1/iam/aws4_request' },
    body: `Action=${action}&RoleName=${role}`,
  });
  let now = 0;
  const opened = (): { readonly windows: OpenWindows; readonly acted: () => readonly string[] } => {
    now = 0;
    const acts: string[] = [];
    const windows = new OpenWindows(() => now);
    windows.asked(request('GetRole'));
    windows.outside('111122223333/Api', () => acts.push('api'));
    windows.outside('111122223333/Web', () => acts.push('web'));
    return { windows, acted: () => acts };
  };

  it('keeps another hand out of that role until it was written, and out of no other', () => {
    const { windows, acted } = opened();
    expect(acted()).toEqual(['web']);
    windows.asked(request('UpdateAssumeRolePolicy', 'Web'));
    windows.answered(request('UpdateAssumeRolePolicy', 'Web'));
    windows.asked(request('UpdateAssumeRolePolicy'));
    expect(acted()).toEqual(['web']);
    windows.answered(request('UpdateAssumeRolePolicy'));
    windows.answered(request('UpdateAssumeRolePolicy'));
    expect(acted()).toEqual(['web', 'api']);
  });

  it('ends where whoever read it does something else for long, or nobody is at work', () => {
    const { windows, acted } = opened();
    now = 4_999;
    windows.answered(request('GetRole', 'Other'));
    expect(acted()).toEqual(['web']);
    now = 5_000;
    windows.answered(request('GetRole', 'Other'));
    expect(acted()).toEqual(['web', 'api']);
    const again = opened();
    again.windows.close();
    expect(again.acted()).toEqual(['web', 'api']);
  });
});
