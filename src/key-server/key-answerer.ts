import { LRUCache } from "lru-cache";
import {
  appendStatementSignature,
  decoyKey,
  type Exposure,
  formatStatement,
  type KeyReply,
  type KeyRequest,
  type KeyResponder,
  MAX_STATEMENTS,
} from "../key-protocol/index.ts";
import { encodeAddress } from "../message/index.ts";
import type { DirectoryKey, KeyDirectory, StatementSigner } from "./key-directory.ts";

export interface KeyAnswererOptions {
  readonly directory: KeyDirectory;
  readonly exposure: Exposure;
  /** At least 16 octets, kept over restarts; needed for the exposure `decoy`. */
  readonly decoySecret: Uint8Array | null;
  readonly signer: StatementSigner | null;
  /** `ttl` of statements (CCH-2). */
  readonly ttlSeconds: number;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  readonly onFailure: (cause: unknown) => void;
}

interface Kept {
  readonly reply: KeyReply;
  readonly untilMs: number;
}

const NO_KEY: KeyReply = "-ERR [NOKEY] unknown\r\n";
const NOT_HERE: KeyReply = "-ERR [NOTHERE] domain not served\r\n";
const KID_REQUIRED: KeyReply = "-ERR [KIDREQ] ask with a key id\r\n";
const TEMPORARY: KeyReply = "-ERR [TEMP] come back later\r\n";

/** A statement is written again after this: it must not look old at a verifier whose clock is ahead. */
const KEEP_MS = 60_000;
const DAY_S = 86_400;

/**
 * Answers KEY out of a directory (KEY-28 to KEY-36). Replies with statements are kept as text until the directory
 * changes or a minute has passed; refusals never are, so that an unknown account and an unknown key take the same
 * way (KEY-36).
 */
export class KeyAnswerer implements KeyResponder {
  readonly #options: KeyAnswererOptions;
  readonly #kept = new LRUCache<string, Kept>({ max: 50_000 });
  #changeCount = Number.NaN;

  constructor(options: KeyAnswererOptions) {
    this.#options = options;
  }

  recall(line: string): KeyReply | undefined {
    const count = this.#options.directory.changeCount();
    if (count !== this.#changeCount) {
      this.#kept.clear();
      this.#changeCount = count;
    }
    const kept = this.#kept.get(line);
    return kept !== undefined && kept.untilMs > this.#options.nowMs() ? kept.reply : undefined;
  }

  answer(request: KeyRequest, line: string): KeyReply | Promise<KeyReply> {
    const { directory, exposure } = this.#options;
    const nowMs = this.#options.nowMs();
    const changeCount = directory.changeCount();
    const reply = (domain: object | null, keys: readonly DirectoryKey[]): KeyReply => {
      if (domain === null) return NOT_HERE;
      if (request.kid === null && exposure === "kid") return KID_REQUIRED;
      const now = Math.floor(nowMs / 1000);
      // Made for every request, so that the time it takes tells nothing (KEY-36).
      const decoy = this.#decoy(request, now);
      const found = select(keys, request.kid);
      const shown = found.length === 0 && keys.length === 0 && decoy !== null ? [decoy] : found;
      if (shown.length === 0) return NO_KEY;
      const text = this.#statements(request, shown, now);
      if (changeCount === this.#changeCount) this.#kept.set(line, { reply: text, untilMs: nowMs + KEEP_MS });
      return text;
    };
    try {
      const domain = directory.domain(request.address.domain);
      const keys = directory.keys(request.address, Math.floor(nowMs / 1000));
      if (!(domain instanceof Promise) && !(keys instanceof Promise)) return reply(domain, keys);
      return Promise.all([domain, keys]).then(
        ([theDomain, theKeys]) => reply(theDomain, theKeys),
        (cause) => this.#failed(cause),
      );
    } catch (cause) {
      return this.#failed(cause);
    }
  }

  /** The decoy that this request would be shown if nobody had the address, or null (KEY-34). */
  #decoy(request: KeyRequest, now: number): DirectoryKey | null {
    const { exposure, decoySecret } = this.#options;
    if (exposure !== "decoy" || decoySecret === null) return null;
    const { kid, spki, notBefore } = decoyKey(decoySecret, request.address, now);
    if (request.kid !== null && request.kid !== kid) return null;
    // As long as real keys without an end are promised: see the directory of the keyring.
    const notAfter = (Math.floor(now / DAY_S) + 30) * DAY_S;
    return { kid, spki, algorithm: "ed25519-sha256", state: "active", notBefore, notAfter, grants: [] };
  }

  #statements(request: KeyRequest, keys: readonly DirectoryKey[], now: number): KeyReply {
    const { signer, ttlSeconds } = this.#options;
    const identity = encodeAddress(request.address);
    let reply = `+OK ${keys.length}\r\n`;
    for (const key of keys) {
      const line = formatStatement({ ...key, identity, issuedAt: now, ttlSeconds, staleSeconds: 0 });
      const signature = signer?.sign(request.address.domain, line) ?? null;
      reply += `${signature === null ? line : appendStatementSignature(line, signature)}\r\n`;
    }
    return `${reply}.\r\n`;
  }

  #failed(cause: unknown): KeyReply {
    this.#options.onFailure(cause);
    return TEMPORARY;
  }
}

/**
 * With a kid that key, whatever its state. The bare form means the active keys; of a suspended account it says
 * that it is suspended (LIF-11), and of an account all of whose keys are gone, nothing.
 */
function select(keys: readonly DirectoryKey[], kid: string | null): readonly DirectoryKey[] {
  if (kid !== null) return keys.filter((key) => key.kid === kid).slice(0, 1);
  const active = keys.filter((key) => key.state === "active");
  const shown = active.length > 0 ? active : keys.filter((key) => key.state === "suspended").slice(0, 1);
  return shown.slice(0, MAX_STATEMENTS);
}
