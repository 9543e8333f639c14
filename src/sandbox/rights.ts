import { byText } from '../model/canonical.js';

/** One thing that a caller had to be allowed to do, as the simulated servers asked it. */
export type UsedRight =
  | {
      readonly api: 'aws';
      readonly account: string;
      readonly action: string;
      readonly resource: string;
      readonly allowed: boolean;
    }
  | {
      readonly api: 'kubernetes';
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource: string;
      readonly namespace: string;
      readonly name: string;
      readonly allowed: boolean;
    }
  | { readonly api: 'path'; readonly verb: string; readonly path: string; readonly allowed: boolean };

/** Every right that was asked of the callers whose rights are limited, each once: what `permissions` is held against. */
export class Rights {
  readonly #used = new Map<string, UsedRight>();

  note(right: UsedRight): void {
    const key = JSON.stringify(right);
    if (!this.#used.has(key)) this.#used.set(key, right);
  }

  get used(): readonly UsedRight[] {
    return [...this.#used].sort(([left], [right]) => byText(left, right)).map(([, right]) => right);
  }

  forget(): void {
    this.#used.clear();
  }
}
