import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { folder, rolelift, startSandbox } from '../helpers/cli.js';

/** What would do something to a terminal: controls but line breaks and tabs, C1 controls, direction marks, lone carriage returns. */
const harmful = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const red = '\u001b[31mred\u001b]0;title\u0007\u009b2J\u202eevil\r';

/** The demo's estate with somebody in it who means harm. */
const hostileEstate = (): string => {
  const demo = path.resolve(import.meta.dirname, '../../examples/demo/estate.yaml');
  const estate = parse(readFileSync(demo, 'utf8')) as { kubernetes: object[] };
  const pod = (name: string, annotations: Record<string, string>, more: object = {}): object => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      namespace: 'hostile',
      annotations: { 'meta.helm.sh/release-name': red, 'meta.helm.sh/release-namespace': red },
      labels: { 'app.kubernetes.io/managed-by': 'Helm' },
    },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name }, annotations },
        spec: { serviceAccountName: name, containers: [{ name: 'app', image: 'registry.example/app:1' }] },
        ...more,
      },
    },
  });
  const account = (name: string, annotations: Record<string, string> = {}): object => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace: 'hostile', annotations },
  });
  estate.kubernetes.push(
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'hostile', annotations: { 'iam.amazonaws.com/permitted': `(a+)+b|${red}` } },
    },
    account('painted', { 'eks.amazonaws.com/role-arn': red }),
    account('huge'),
    account('evil'),
    pod('painted', { 'iam.amazonaws.com/role': red }),
    pod('huge', { 'iam.amazonaws.com/role': `${'a'.repeat(200 * 1024)}c` }),
    pod('evil', { 'iam.amazonaws.com/role': '__proto__', 'rolelift.dev/sdk': red }),
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'large', namespace: 'hostile' },
      spec: {
        podSelector: {},
        policyTypes: ['Egress'],
        egress: Array.from({ length: 9_000 }, (_, index) => ({
          to: [{ ipBlock: { cidr: `10.${index >> 8}.${index & 255}.0/24`, except: ['10.0.0.0/32'] } }],
          ports: [{ port: 443 }],
        })),
      },
    },
  );
  return JSON.stringify(estate);
};

it('shows hostile names, patterns and huge objects as plain text, and does nothing that they ask', async () => {
  const directory = folder();
  const scenario = path.join(directory, 'estate.json');
  writeFileSync(scenario, hostileEstate());
  const sandbox = await startSandbox(['--scenario', scenario]);
  try {
    const plans = path.join(directory, 'plan');
    const options = { env: sandbox.env };
    for (const command of [
      ['scan', '-o', plans],
      ['plan', '-o', plans],
      ['show', plans],
      ['show', plans, '--format', 'markdown'],
    ]) {
      const ended = await rolelift(command, options);
      expect([command[0], ended.code, ended.err.slice(0, 300)]).toEqual([command[0], 0, expect.any(String)]);
      expect([command, harmful.exec(ended.out)?.index ?? null]).toEqual([command, null]);
      expect([command, harmful.exec(ended.err)?.index ?? null]).toEqual([command, null]);
      expect(ended.out).not.toContain('a'.repeat(5_000));
    }
    const shown = await rolelift(['show', plans, '--json'], options);
    const made = JSON.parse(shown.out) as { moves: { id: string; steps: unknown[] }[] };
    expect(made.moves.filter((move) => move.id.startsWith('move:hostile/') && move.steps.length > 0)).toEqual([]);
    expect(made.moves.some((move) => move.steps.length > 0)).toBe(true);
  } finally {
    await sandbox.stop();
  }
}, 120_000);
