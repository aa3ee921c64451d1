import type { AuditHead } from "./audit-entry.ts";
import { type Broken, broken, equalChains } from "./chain-check.ts";

/** A head that somebody noted must be met on the way. */
export class NotedHead {
  readonly #expect: AuditHead | null;
  #met = false;

  constructor(expect: AuditHead | null) {
    this.#expect = expect;
  }

  compare({ sequence, chain }: AuditHead): Broken | null {
    if (this.#expect?.sequence !== sequence) return null;
    this.#met = true;
    return equalChains(chain, this.#expect.chain)
      ? null
      : broken(sequence, `entry ${sequence} is not the one that was noted`);
  }

  missing(end: AuditHead, first: number): Broken | null {
    if (this.#expect === null || this.#met || this.#expect.sequence === 0) return null;
    const { sequence } = this.#expect;
    if (sequence < first) {
      return broken(sequence, `entry ${sequence} was noted and is archived: it needs the files it is in`);
    }
    const next = end.sequence + 1;
    return broken(next, `the log ends before entry ${next}; entry ${sequence} was noted`);
  }
}
