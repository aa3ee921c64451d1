import { timingSafeEqual } from "node:crypto";
import type { MasterKey } from "../master-key.ts";
import { auditChain, auditKeyOf, openAuditKey } from "./audit-chain.ts";
import type { AuditHead, AuditRecord } from "./audit-entry.ts";

/** The keys of a part of the log: each re-wrap in it changed the key. */
export interface ChainKeys {
  readonly ok: true;
  readonly first: Uint8Array;
  /** By the number of the re-wrap's entry: the key after it. */
  readonly after: ReadonlyMap<number, Uint8Array>;
}

export interface Broken {
  readonly ok: false;
  /** Everything before this entry is as it was written. */
  readonly brokenAt: number;
  readonly detail: string;
}

/**
 * A re-wrap's entry holds the key before under the one after: opened from the end.
 *
 * @param last the key at the end of this part, or the master key for the end of the log
 */
export function chainKeys(
  rewraps: readonly Pick<AuditRecord, "sequence" | "detail">[],
  last: Uint8Array | MasterKey,
): ChainKeys | Broken {
  const after = new Map<number, Uint8Array>();
  let key = last instanceof Uint8Array ? last : auditKeyOf(last);
  for (const { sequence, detail } of [...rewraps].reverse()) {
    after.set(sequence, key);
    const before = openAuditKey(detail ?? "", key);
    if (before === null) return altered(sequence);
    key = before;
  }
  return { ok: true, first: key, after };
}

/** Computes the chain again, entry by entry. */
export class ChainCheck {
  head: AuditHead;
  #key: Uint8Array;
  readonly #after: ChainKeys["after"];

  /** @param start what stands before the first entry */
  constructor(start: AuditHead, { first, after }: ChainKeys) {
    this.head = start;
    this.#key = first;
    this.#after = after;
  }

  /** @returns what is wrong */
  add(record: AuditRecord): Broken | null {
    const expected = this.head.sequence + 1;
    if (record.sequence !== expected) return broken(expected, `entry ${expected} is missing`);
    const chain = auditChain(this.#key, this.head.chain, record);
    if (!equalChains(chain, record.chain)) return altered(expected);
    this.head = { sequence: expected, chain };
    this.#key = this.#after.get(expected) ?? this.#key;
    return null;
  }
}

export function broken(brokenAt: number, detail: string): Broken {
  return { ok: false, brokenAt, detail };
}

export function altered(sequence: number): Broken {
  return broken(sequence, `entry ${sequence} is not what was written there`);
}

export function equalChains(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}

export function equalHeads(left: AuditHead, right: AuditHead): boolean {
  return left.sequence === right.sequence && equalChains(left.chain, right.chain);
}
