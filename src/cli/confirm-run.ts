import { RoleliftError } from '../model/error.js';
import type { Plan } from '../model/plan.js';
import type { Identified } from './run-host.js';
import type { Session } from './session.js';

/** Shows which cluster, account and caller a run is about to work with. */
export const sayWho = (session: Session, plan: Plan, who: Identified): void =>
  session.host.say({
    kind: 'note',
    code: 'RL800',
    text: `cluster ${plan.cluster.name} at ${who.server}, account ${who.caller.account}, as ${who.caller.arn} and ${who.caller.kubernetesUser || 'an unnamed Kubernetes user'}`,
  });

/** Asks before anything is changed, unless --yes answers. Throws RL806 (exit 3), with `refusal` as its message, for a no. */
export const confirmRun = async (session: Session, question: string, refusal: string): Promise<void> => {
  if (session.options.yes || (await session.prompts.confirm(question, '--yes'))) return;
  throw new RoleliftError(
    { code: 'RL806', message: refusal, remedy: 'Nothing was changed.', fault: 'user' },
    { exit: 3 },
  );
};
