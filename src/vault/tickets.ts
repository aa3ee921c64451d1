import { randomBytes } from "node:crypto";
import type { KeyringLogin } from "./keyring-login.ts";

/** PRV-14. */
const IDLE_MS = 600_000;
const LIFETIME_MS = 3_600_000;

interface Ticket {
  readonly login: KeyringLogin;
  readonly endsAt: number;
  usedAt: number;
}

/**
 * The tickets of one enrolment (PRV-14). Nobody else's are looked for, so that a ticket is worth nothing to
 * whoever has another certificate.
 */
export class Tickets {
  readonly #byName = new Map<string, Ticket>();
  readonly #max: number;
  readonly #nowMs: () => number;

  constructor(max: number, nowMs: () => number) {
    this.#max = max;
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#byName.size;
  }

  /** Null when there are too many. */
  issue(login: KeyringLogin): string | null {
    if (this.#byName.size >= this.#max) this.expire();
    if (this.#byName.size >= this.#max) return null;
    const name = randomBytes(16).toString("base64url");
    const now = this.#nowMs();
    this.#byName.set(name, { login, endsAt: now + LIFETIME_MS, usedAt: now });
    return name;
  }

  /** The login that a ticket stands for, and how long it stands for it if it is not used again. */
  use(name: string): { readonly login: KeyringLogin; readonly leftMs: number } | null {
    const ticket = this.#byName.get(name);
    if (ticket === undefined) return null;
    const now = this.#nowMs();
    if (now >= endOf(ticket)) {
      this.drop(name);
      return null;
    }
    ticket.usedAt = now;
    return { login: ticket.login, leftMs: endOf(ticket) - now };
  }

  drop(name: string): void {
    this.#byName.get(name)?.login.end();
    this.#byName.delete(name);
  }

  /** Ends those whose time is over. */
  expire(): void {
    const now = this.#nowMs();
    for (const [name, ticket] of this.#byName) if (now >= endOf(ticket)) this.drop(name);
  }

  /** The enrolment is gone. */
  clear(): void {
    for (const name of this.#byName.keys()) this.drop(name);
  }
}

function endOf({ endsAt, usedAt }: Ticket): number {
  return Math.min(endsAt, usedAt + IDLE_MS);
}
