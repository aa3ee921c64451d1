import { createPrivateKey } from "node:crypto";
import type { SigningKey } from "../signature/index.ts";
import type { LentKey } from "../vault-protocol/index.ts";

/**
 * Private keys that GETKEY gave, for one login (PRV-18): in memory only, each until its end, and all gone with the
 * login.
 */
export class BorrowedKeys {
  readonly #clock: { now(): number };
  readonly #byIdentity = new Map<string, { readonly keys: readonly SigningKey[]; readonly until: number }>();
  #timer: NodeJS.Timeout | null = null;

  constructor(clock: { now(): number }) {
    this.#clock = clock;
  }

  /** The key of an identity that has this id and may be used now. */
  find(identity: string, kid: string): SigningKey | null {
    this.#expire();
    return this.#byIdentity.get(identity)?.keys.find((key) => key.kid === kid) ?? null;
  }

  take(identity: string, lent: readonly LentKey[]): void {
    const expiresIn = Math.min(...lent.map((key) => key.expiresIn));
    const keys = lent.map(({ kid, algorithm, pkcs8 }) => {
      const der = Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.byteLength);
      const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
      der.fill(0);
      return { kid, algorithm, privateKey };
    });
    this.#byIdentity.set(identity, { keys, until: this.#clock.now() + expiresIn * 1000 });
    this.#setTimer();
  }

  /** The identity has other keys by now, or nothing may be signed as it any more. */
  forget(identity: string): void {
    this.#byIdentity.delete(identity);
  }

  clear(): void {
    this.#byIdentity.clear();
    this.#setTimer();
  }

  #expire(): void {
    const now = this.#clock.now();
    for (const [identity, { until }] of this.#byIdentity) if (until <= now) this.#byIdentity.delete(identity);
  }

  /** Keys that nobody asks for any more must go as well. */
  #setTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const next = Math.min(...[...this.#byIdentity.values()].map(({ until }) => until));
    if (next === Number.POSITIVE_INFINITY) return;
    const expire = () => {
      this.#expire();
      this.#setTimer();
    };
    this.#timer = setTimeout(expire, Math.max(1, next - this.#clock.now())).unref();
  }
}
