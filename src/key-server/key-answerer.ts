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

const NO_KEY: KeyReply = "-ERR [NOKEY] unknown\r\n";
const NOT_HERE: KeyReply = "-ERR [NOTHERE] domain not served\r\n";
const KID_REQUIRED: KeyReply = "-ERR [KIDREQ] ask with a key id\r\n";
const TEMPORARY: KeyReply = "-ERR [TEMP] come back later\r\n";

/** Statements are written again after this at the latest: `iat` is to say how fresh they are. */
const KEEP_MS = 60_000;
const MAX_KEPT = 50_000;
const DAY_S = 86_400;

/**
 * Answers KEY out of a directory (KEY-28 to KEY-36). Replies with statements are kept as text, all together for a
 * minute or until the directory changes: the cheapest of caches, which is what the hot path needs. Refusals are never
 * kept, so that an unknown account and an unknown key take the same way (KEY-36).
 */
export class KeyAnswerer implements KeyResponder {
  readonly #options: KeyAnswererOptions;
  readonly #kept = new Map<string, KeyReply>();
  #keptSinceMs = 0;
  #changeCount = Number.NaN;

  constructor(options: KeyAnswererOptions) {
    this.#options = options;
  }

  recall(line: string): KeyReply | undefined {
    const { directory, nowMs } = this.#options;
    const count = directory.changeCount();
    const now = nowMs();
    if (count !== this.#changeCount || now - this.#keptSinceMs >= KEEP_MS) {
      this.#kept.clear();
      this.#changeCount = count;
      this.#keptSinceMs = now;
    }
    return this.#kept.get(line);
  }

  answer(request: KeyRequest, line: string): KeyReply | Promise<KeyReply> {
    const { directory, exposure } = this.#options;
    const nowMs = this.#options.nowMs();
    const changeCount = directory.changeCount();
    const reply = (domain: object | null, keys: readonly DirectoryKey[]): KeyReply => {
      if (domain === null) return NOT_HERE;
      if (request.kid === null && exposure === "kid") return KID_REQUIRED;
      const now = Math.floor(nowMs / 1000);
      const found = select(keys, request.kid);
      // Who names a key that is there knows it already. All others pay for a decoy, whether it is needed or not, so
      // that the time an answer takes tells nothing (KEY-36).
      const decoy = request.kid !== null && found.length > 0 ? null : this.#decoy(request, now);
      const shown = keys.length === 0 && decoy !== null ? [decoy] : found;
      if (shown.length === 0) return NO_KEY;
      const text = this.#statements(request, shown, now);
      if (changeCount === this.#changeCount) this.#keep(line, text);
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

  #keep(line: string, reply: KeyReply): void {
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    // A copy: the line is a slice of all that was read with it, which would be kept with it.
    this.#kept.set(Buffer.from(line, "latin1").toString("latin1"), reply);
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
