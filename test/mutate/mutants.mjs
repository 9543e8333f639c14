/**
 * Mistakes that somebody might make, each with the rule that it breaks and the tests that have to turn red. An edit is a pair of
 * texts: the first must stand in the file exactly once.
 *
 * @typedef {{ name: string, file: string, edits: readonly (readonly [string, string])[], tests: readonly string[] }} Mutant
 * @type {readonly Mutant[]}
 */
export const mutants = [
  {
    name: 'H1: trust is undone before the pods that need it',
    file: 'src/planner/move-steps.ts',
    edits: [
      ['aws.filter(({ kind }) => kind !== step.kind) : prove),', 'aws.filter(({ kind }) => kind !== step.kind) : []),'],
    ],
    tests: ['test/planner/kiam-to-irsa.test.ts'],
  },
  {
    name: 'H1: the restart is undone before the annotation',
    file: 'src/planner/move-steps.ts',
    edits: [
      ['restarts.map((step) => undoneAfter(step, ids(bind)))', 'restarts.map((step) => undoneAfter(step, []))'],
      [
        'bind.map((step) => undoneAfter(step, [...oldWay',
        'bind.map((step) => undoneAfter(step, [...ids(restarts), ...oldWay',
      ],
    ],
    tests: ['test/planner/kiam-to-irsa.test.ts'],
  },
  {
    name: 'H1: a pod of the old ReplicaSet stays injected',
    file: 'src/steps/restart-workload.ts',
    edits: [
      [
        '  const bears = (pod: JsonObject): boolean => carries(pod, identity);\n  const watched',
        "  const bears = (pod: JsonObject): boolean => carries(pod, identity) && !podName(pod).includes('-');\n  const watched",
      ],
    ],
    tests: ['test/steps/restart-workload.test.ts'],
  },
  {
    name: 'the annotation comes before the trust',
    file: 'src/planner/move-steps.ts',
    edits: [['          ? annotateStep(of, ready)', '          ? annotateStep(of, ids(own))']],
    tests: ['test/planner/kiam-to-irsa.test.ts'],
  },
  {
    name: "kiam's strict expression is anchored as a group",
    file: 'src/identity/kiam.ts',
    edits: [
      [
        'goPattern(unanchored ? expression : `^${expression}$`)',
        'goPattern(unanchored ? expression : `^(?:${expression})$`)',
      ],
    ],
    tests: ['test/identity/kiam.test.ts'],
  },
  {
    name: "kube2iam's role loses its leading slash",
    file: 'src/identity/kube2iam.ts',
    edits: [['base === null ? null : base + text;', "base === null ? null : base + text.replace(/^\\//, '');"]],
    tests: ['test/identity/kube2iam.test.ts'],
  },
  {
    name: 'H7: what STS says of the broker is ignored',
    file: 'src/identity/broker-assume.ts',
    edits: [
      ["  if (admitted === 'no')\n", "  if (admitted === 'no' && target === principal)\n"],
      ['const verdict = allOf([admitted, allowed]);', 'const verdict = allOf([allowed]);'],
    ],
    tests: ['test/identity/answer.test.ts'],
  },
  {
    name: "a subject is joined to somebody else's statement",
    file: 'src/trust/edit.ts',
    edits: [
      [
        '(one) => isOurs(one) && sameButList(one, statement) !== null)',
        '(one) => sameButList(one, statement) !== null)',
      ],
    ],
    tests: ['test/trust/edit.test.ts', 'test/trust/properties.test.ts'],
  },
  {
    name: 'white space counts for the size of a trust policy',
    file: 'src/trust/document.ts',
    edits: [
      [
        "  return codePoints(minified(document.is === 'document' ? document.text : text));",
        "  return codePoints(document.is === 'document' ? document.text : text);",
      ],
    ],
    tests: ['test/trust/document.test.ts'],
  },
  {
    name: 'an ambiguous write is sent again',
    file: 'src/clients/aws.ts',
    edits: [["const mayRepeat = !operation.write || operation.retry !== 'observe-first';", 'const mayRepeat = true;']],
    tests: ['test/clients/aws.test.ts'],
  },
  {
    name: 'the journal hears of a step after its effect',
    file: 'src/engine/attempt.ts',
    edits: [
      ["  await session.record({ type: 'started', step: step.id, attempt, preimage });\n", ''],
      [
        '  let outcome = await kind.apply(ctx, step);\n  while',
        "  let outcome = await kind.apply(ctx, step);\n  await session.record({ type: 'started', step: step.id, attempt, preimage });\n  while",
      ],
    ],
    tests: ['test/engine/execute.test.ts'],
  },
  {
    name: 'a line of the journal is not synced to the disk',
    file: 'src/journal/file-store.ts',
    edits: [
      [
        '        await opened.write(bytes, length);\n        await opened.sync();',
        '        await opened.write(bytes, length);',
      ],
    ],
    tests: ['test/journal/file-store.test.ts'],
  },
  {
    name: 'nobody asks whether the lock still holds',
    file: 'src/engine/session.ts',
    edits: [['this.run.stop?.stillHeld?.() === false', 'this.run.stop?.stillHeld === null']],
    tests: ['test/engine/execute.test.ts'],
  },
  {
    name: 'a lease is taken over while its holder renews it',
    file: 'src/journal/lease-lock.ts',
    edits: [
      [
        "if (watched !== null && watched.mark !== mark && other !== '' && other !== holder) throw held(other, ref);",
        '',
      ],
    ],
    tests: ['test/journal/lease-lock.test.ts'],
  },
  {
    name: 'an edited plan is not noticed by its digest',
    file: 'src/planner/validate.ts',
    edits: [
      ['if (options.reseal !== true) checkDigest(', 'if (options.reseal === undefined && plan.id === "") checkDigest('],
    ],
    tests: ['test/planner/validate.test.ts'],
  },
  {
    name: 'the node role loses its policy before the proof',
    file: 'src/planner/node-steps.ts',
    edits: [['const ready = [of.prove, use.id,', 'const ready = [']],
    tests: ['test/planner/nodes.test.ts'],
  },
  {
    name: 'H26: values of variables are kept',
    file: 'src/scan/pod-view.ts',
    edits: [['else if (mayKeepValue(name)) define(', 'else define(']],
    tests: ['test/scan/workloads.test.ts'],
  },
  {
    name: 'H26: copies of objects in annotations are kept',
    file: 'src/scan/redact.ts',
    edits: [
      ['  copies.has(key) ||\n', '  copies.has(`${key}?`) ||\n'],
      ['/last-applied|original-config/.test(key) ||', '/no-such-key/.test(key) ||'],
    ],
    tests: ['test/scan'],
  },
  {
    name: 'a host shows escape sequences as they came',
    file: 'src/io/plain-host.ts',
    edits: [
      [
        'write(`${style.dim(message.code)} ${visible(message.text)}`)',
        'write(`${style.dim(message.code)} ${message.text}`)',
      ],
    ],
    tests: ['test/io'],
  },
  {
    name: 'H10: --yes stands for missing evidence',
    file: 'src/engine/gates.ts',
    edits: [
      [
        '      const accepted = options.acceptUnproven ?? [];\n',
        "      const accepted = options.yes ? ['all'] : (options.acceptUnproven ?? []);\n",
      ],
    ],
    tests: ['test/engine/execute.test.ts'],
  },
  {
    name: 'a merge patch overwrites whatever is there',
    file: 'src/clients/kubernetes.ts',
    edits: [['body: { ...patch, metadata: { ...metadata, resourceVersion } },', 'body: { ...patch, metadata },']],
    tests: ['test/clients/kubernetes.test.ts'],
  },
  {
    name: 'H21: who joined the account since planning is not looked at',
    file: 'src/steps/annotate-service-account.ts',
    edits: [['.filter((user) => !known.has(user.id))', '.filter((user) => !known.has(user.id) && user.id === "")']],
    tests: ['test/steps/bindings.test.ts'],
  },
  {
    name: 'H20: a stale read of a trust policy is believed',
    file: 'src/steps/trust-write.ts',
    edits: [['  versions.length > 1 &&\n', '  versions.length > 1_000 &&\n']],
    tests: ['test/steps/trust-statements.test.ts'],
  },
  {
    name: "H20: the rehearsal edits a trust policy inside somebody's window",
    file: 'src/rehearsal/open-windows.ts',
    edits: [['read !== undefined && this.#now() - read < idleMs', 'read !== undefined && this.#now() < read']],
    tests: ['test/rehearsal/foreign-edits.test.ts'],
  },
  {
    name: "a restart gives another step's restart mark back",
    file: 'src/steps/our-marks.ts',
    edits: [
      [
        'if (before === null || !isRestartMark(before, planId)) return record.preimage;',
        'if (before === null || before.present) return record.preimage;',
      ],
    ],
    tests: ['test/steps/restart-workload.test.ts'],
  },
  {
    name: 'H1: the old annotation waits for pods that only the undo behind it can heal',
    file: 'src/steps/remove-pod-annotation.ts',
    edits: [['      if (bad.length === 0 || !bad.every(', '      if (bad.length >= 0 || !bad.every(']],
    tests: ['test/rehearsal/rehearse.test.ts'],
  },
  {
    name: 'H11: a restart does not ask admission first',
    file: 'src/steps/restart-workload.ts',
    edits: [["  if (answer.is === 'agreed') return '';\n", "  if (answer.is !== 'not-provable') return '';\n"]],
    tests: ['test/steps/restart-workload.test.ts'],
  },
  {
    name: 'H17: a token is exchanged for a session that may do everything',
    file: 'src/steps/proof.ts',
    edits: [['          Policy: denyAll,\n', '']],
    tests: ['test/steps/proof.test.ts'],
  },
  {
    name: 'H2: an undo does not ask what the old way gives now',
    file: 'src/engine/unwind.ts',
    edits: [['    if (error !== null) refused.set(move, error);', '    if (error === null) refused.delete(move);']],
    tests: ['test/engine/unwind.test.ts'],
  },
  {
    name: 'permissions for apply leave the undo out',
    file: 'src/permissions/needs.ts',
    edits: [["        ? (['apply', 'undo'] as const)", "        ? (['apply'] as const)"]],
    tests: ['test/permissions/needs.test.ts'],
  },
  {
    name: 'permissions let everything be read',
    file: 'src/permissions/scan-needs.ts',
    edits: [
      [
        '...scanReads.owners.map((owner)',
        "{ verb: 'list', apiVersion: 'v1', kind: 'Secret' },\n    ...scanReads.owners.map((owner)",
      ],
    ],
    tests: ['test/permissions/needs.test.ts'],
  },
];
