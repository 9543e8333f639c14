import type { Style } from '../model/style.js';
import { counted, visible, wrap } from '../model/text.js';

/** A removal as it is shown; the shape of planner/broker-removal.ts. */
export interface RemovalView {
  readonly obstacles: readonly { readonly code: string; readonly text: string; readonly title: string }[];
  readonly installs: readonly {
    readonly title: string;
    readonly owner: { readonly tool: string; readonly ref: string };
    readonly commands: readonly string[];
    readonly rule: { readonly why: string; readonly remedy: string } | null;
  }[];
  readonly afterwards: readonly string[];
}

const most = 40;

/** The removal of a broker for people: what stands in the way, or the commands, what they leave behind, and what comes after. */
export const removalText = (view: RemovalView, style: Style, width: number): string => {
  if (view.installs.length === 0) return 'No kiam and no kube2iam is installed: there is nothing to remove.';
  const item = (mark: string, text: string): string => `${mark} ${wrap(visible(text), width - 4, '  ')}`;
  const parts: string[] = [];
  if (view.obstacles.length > 0) {
    parts.push(`${style.bad('It cannot go yet')}: ${counted(view.obstacles.length, 'thing')} in the way.`);
    for (const { code, title, text } of view.obstacles.slice(0, most))
      parts.push(item(style.bad(code), `${title}: ${text}`));
    if (view.obstacles.length > most) parts.push(`… and ${view.obstacles.length - most} more (--json lists them all)`);
    return parts.join('\n');
  }
  parts.push(style.good('Nothing needs it any more.'));
  view.installs.forEach((install, index) => {
    const owned = install.owner.tool === 'none' || install.owner.tool === 'kubectl-apply';
    parts.push(
      '',
      `${index + 1}. ${style.name(visible(install.title))}${owned ? '' : ` (of ${visible(install.owner.tool)} ${visible(install.owner.ref)})`}`,
    );
    if (install.rule !== null)
      parts.push(
        item(style.warn('RL405'), `its iptables rule stays on the nodes: ${install.rule.why}. ${install.rule.remedy}`),
      );
    for (const command of install.commands) parts.push(`   ${visible(command)}`);
    if (install.commands.length === 0)
      parts.push(item('  ', `Take it out at its source: ${install.owner.tool} ${install.owner.ref}.`));
  });
  parts.push('', style.bold('Afterwards'), ...view.afterwards.map((text) => item('-', text)));
  return parts.join('\n');
};
