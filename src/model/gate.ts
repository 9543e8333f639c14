import type { Stage } from './words.js';

/** A point at which a run waits until its condition holds. Only a closed gate holds other moves back. */
export type Gate =
  | { readonly id: string; readonly kind: 'approval'; readonly stage: Stage }
  | { readonly id: string; readonly kind: 'canary'; readonly moves: readonly string[] }
  /** Counted between server times, since the named step was applied. */
  | { readonly id: string; readonly kind: 'soak'; readonly after: string; readonly seconds: number }
  | { readonly id: string; readonly kind: 'proof-of-use'; readonly move: string }
  /** Opens by what its own step sees in the estate, or by --accept-unproven for that move; --yes does not answer it. */
  | { readonly id: string; readonly kind: 'evidence'; readonly move: string }
  | { readonly id: string; readonly kind: 'handoff'; readonly step: string }
  | { readonly id: string; readonly kind: 'pause-file' | 'credentials' | 'confirmation' };

export type GateState =
  | { readonly is: 'open'; readonly by: string }
  | {
      readonly is: 'closed';
      readonly reason: string;
      /** Milliseconds since 1970 by server time; null where no time opens it. */
      readonly opensAt: number | null;
      /** The command or act that opens it. */
      readonly how: string;
    };
