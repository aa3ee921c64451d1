import {
  type Exposure,
  issueStatement,
  type KeyReply,
  type KeyRequest,
  type KeyResponder,
  MAX_STATEMENTS,
} from "../key-protocol/index.ts";
import { Decoys, type ShownKey } from "./decoys.ts";
import type { DirectoryDomain, KeyDirectory, StatementSigner } from "./key-directory.ts";
import { ReplyCache } from "./reply-cache.ts";
import { Ticks } from "./ticks.ts";

export interface KeyAnswererOptions {
  readonly directory: KeyDirectory;
  readonly exposure: Exposure;
  /** At least 16 octets, kept over restarts; needed for the exposure `decoy`. */
  readonly decoySecret: Uint8Array | null;
  readonly signer: StatementSigner | null;
  /** `ttl` of statements (CCH-2). */
  readonly ttlSeconds: number;
  /** How many replies are held. */
  readonly remembered: number;
  /** What might tell who has an account leaves this long after it was asked for, in milliseconds; 0: at once (KEY-36). */
  readonly veilMs: number;
  /** Milliseconds that an answer may take. */
  readonly answerMs: number;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** From 0 up to 1; spreads the ends of what is remembered. */
  readonly random: () => number;
  readonly onFailure: (cause: unknown) => void;
}

const NO_KEY: KeyReply = "-ERR [NOKEY] unknown\r\n";
const NOT_HERE: KeyReply = "-ERR [NOTHERE] domain not served\r\n";
const KID_REQUIRED: KeyReply = "-ERR [KIDREQ] ask with a key id\r\n";
const TEMPORARY: KeyReply = "-ERR [TEMP] come back later\r\n";

/** Of all servers of the process. */
const ticks = new Ticks();

/** The keys to show for a request, and what that depends on. */
interface Finding {
  readonly keys: readonly ShownKey[];
  readonly owner: string | null;
  /** When it will be another one though nothing changes in the directory, Unix seconds. */
  readonly until: number;
}

/**
 * Answers KEY out of a directory (KEY-28 to KEY-36).
 *
 * What a request with a key id found is remembered as text, up to half its ttl, so that `iat` says how fresh it is.
 * Nothing else is: refusals and the bare form are made anew each time, for the known and the unknown alike, with the
 * same work (a decoy is made whether it is needed or not). What differs all the same, such as how long a database looks
 * for a row that is not there, is behind a veil: such an answer leaves a fixed time after its question came.
 */
export class KeyAnswerer implements KeyResponder {
  readonly #options: KeyAnswererOptions;
  readonly #decoys: Decoys | null;
  readonly #replies: ReplyCache;
  /** Answers being made, by request line: who asks the same meanwhile, and before anything changes, gets the same. */
  readonly #pending = new Map<string, { readonly asOf: number; readonly reply: Promise<KeyReply> }>();

  constructor(options: KeyAnswererOptions) {
    const { directory, exposure, decoySecret, remembered, veilMs } = options;
    if (veilMs > 0) void ticks.wait(0); // the first takes longer
    this.#options = options;
    this.#decoys = exposure === "decoy" && decoySecret !== null ? new Decoys(decoySecret) : null;
    this.#replies = new ReplyCache(directory, remembered);
  }

  recall(line: string): KeyReply | undefined {
    return this.#replies.recall(line, this.#options.nowMs());
  }

  answer(request: KeyRequest, line: string): Promise<KeyReply> {
    const { asOf } = this.#replies;
    const pending = this.#pending.get(line);
    if (pending?.asOf === asOf) return pending.reply;
    const reply = this.#inTime(this.#veiled(request, line)).finally(() => {
      if (this.#pending.get(line)?.reply === reply) this.#pending.delete(line);
    });
    this.#pending.set(line, { asOf, reply });
    return reply;
  }

  /** A database that hangs says nothing at all: who asked hears of it before they give up. */
  #inTime(making: Promise<KeyReply>): Promise<KeyReply> {
    const { answerMs, onFailure } = this.#options;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        onFailure(new Error(`the directory took more than ${answerMs} ms`));
        resolve(TEMPORARY);
      }, answerMs);
      void making.then((reply) => {
        clearTimeout(timer);
        resolve(reply);
      });
    });
  }

  async #veiled(request: KeyRequest, line: string): Promise<KeyReply> {
    const { veilMs } = this.#options;
    const veil = veilMs === 0 ? null : ticks.wait(veilMs);
    let reply: KeyReply;
    try {
      reply = await this.#reply(request, line);
    } catch (cause) {
      this.#options.onFailure(cause);
      return TEMPORARY;
    }
    // Among decoys anything may be one.
    if (reply === NO_KEY || (this.#decoys !== null && reply !== NOT_HERE)) await veil;
    return reply;
  }

  async #reply(request: KeyRequest, line: string): Promise<KeyReply> {
    const { directory, exposure, ttlSeconds, random } = this.#options;
    const { asOf } = this.#replies;
    const domain = await directory.domain(request.address.domain);
    if (domain === null) return NOT_HERE;
    if (request.kid === null && exposure === "kid") return KID_REQUIRED;
    const nowMs = this.#options.nowMs();
    const now = Math.floor(nowMs / 1000);
    const { keys, owner, until } = await this.#find(request, now);
    if (keys.length === 0) return NO_KEY;
    const text = await this.#statements(request, keys, domain, now);
    if (request.kid !== null) {
      // Not all at the same time, although a burst may have been made at the same time.
      const keptMs = ttlSeconds * 1000 * (3 / 8 + random() / 8);
      const expiresMs = Math.min(nowMs + keptMs, until * 1000);
      this.#replies.keep(line, { text, owner, domain: request.address.domain, asOf, expiresMs });
    }
    return text;
  }

  async #find({ address, kid }: KeyRequest, now: number): Promise<Finding> {
    const keys = await this.#options.directory.keys(address, now);
    const owner = keys[0]?.owner ?? null;
    const found = { keys: select(keys, kid), owner, until: Number.POSITIVE_INFINITY };
    // Who names a key that is there knows it already.
    if (this.#decoys === null || (kid !== null && found.keys.length > 0)) return found;
    const decoys = this.#decoys.keysOf(address, now);
    return owner === null ? { keys: select(decoys.keys, kid), owner, until: decoys.rotatesAt } : found;
  }

  async #statements(
    request: KeyRequest,
    keys: readonly ShownKey[],
    domain: DirectoryDomain,
    now: number,
  ): Promise<KeyReply> {
    const { signer: issuer, ttlSeconds } = this.#options;
    let reply = `+OK ${keys.length}\r\n`;
    for (const key of keys) {
      reply += `${await issueStatement(key, { address: request.address, domain, ttlSeconds, now, issuer })}\r\n`;
    }
    return `${reply}.\r\n`;
  }
}

/**
 * With a kid that key, whatever its state. The bare form means the active keys; of a suspended account it says
 * that it is suspended (LIF-11), and of an account all of whose keys are gone, nothing.
 */
function select(keys: readonly ShownKey[], kid: string | null): readonly ShownKey[] {
  if (kid !== null) return keys.filter((key) => key.kid === kid).slice(0, 1);
  const active = keys.filter((key) => key.state === "active");
  const shown = active.length > 0 ? active : keys.filter((key) => key.state === "suspended").slice(0, 1);
  return shown.slice(0, MAX_STATEMENTS);
}
