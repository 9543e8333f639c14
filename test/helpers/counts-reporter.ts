import type { Reporter, TestModule } from 'vitest/node';

/** One line at the end that tells the counts and nothing else, for people and for continuous integration. */
export default class CountsReporter implements Reporter {
  readonly #word: string;
  constructor(options: { readonly word?: string } = {}) {
    this.#word = options.word ?? 'tests';
  }
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0;
    let failed = errors.length;
    let skipped = 0;
    for (const module of modules) {
      if (module.children.size === 0) failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'failed') failed += 1;
        else skipped += 1;
      }
    }
    process.stdout.write(`\n${this.#word}: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  }
}
