import { type ErrorCode, errorCodes, parseResponse, type Verb } from "./grammar.ts";
import {
  errorReply,
  type LentKey,
  type NamedKey,
  parseCapabilities,
  parseIdentity,
  parseLentKey,
  parseNamedKey,
  parseSignature,
  parseTicket,
  type VaultReply,
} from "./reply.ts";

/** More keys than an account has, and more capabilities than there are. */
const MAX_LINES = 32;

/** `more`: the reply goes on. `wrong`: it is not of the protocol, and nothing behind it can be trusted. */
export type ReplyProgress = VaultReply | { readonly kind: "more" } | { readonly kind: "wrong" };

const MORE: ReplyProgress = { kind: "more" };
const WRONG: ReplyProgress = { kind: "wrong" };

/** Reads the reply to one request, line by line, held to the grammar to the letter. */
export class ReplyReader {
  readonly #verb: Verb;
  /** Text of the first line and the lines behind it, while a block is under way. */
  #block: { readonly text: string; readonly lines: string[] } | null = null;

  constructor(verb: Verb) {
    this.#verb = verb;
  }

  /** Part of the reply has come. */
  get begun(): boolean {
    return this.#block !== null;
  }

  take(line: string): ReplyProgress {
    if (!/^[ -~]*$/.test(line)) return WRONG;
    if (this.#block !== null) return this.#takeLine(this.#block, line);
    const error = /^-ERR \[([A-Z][A-Z0-9]*)\](?: (.*))?$/i.exec(line);
    if (error !== null) return errorReply(knownCode(error[1] ?? ""), error[2] ?? "");
    const challenge = /^\+ (.*)$/.exec(line);
    if (challenge !== null) {
      const octets = this.#verb === "AUTH" ? parseResponse(challenge[1] ?? "") : null;
      return octets === null ? WRONG : { kind: "challenge", octets };
    }
    const ok = /^\+OK(?: (.*))?$/i.exec(line);
    return ok === null ? WRONG : this.#takeOk(ok[1] ?? "");
  }

  #takeOk(text: string): ReplyProgress {
    switch (this.#verb) {
      case "NOOP":
      case "QUIT":
      case "SPEND":
      case "DROP":
        return { kind: "done" };
      case "AUTH":
      case "ASSERT":
        return parseTicket(text) ?? WRONG;
      case "SIGN": {
        const octets = parseSignature(text);
        return octets === null ? WRONG : { kind: "signature", octets };
      }
      case "CAPA":
      case "ID":
      case "GETKEY":
        this.#block = { text, lines: [] };
        return MORE;
    }
  }

  #takeLine(block: { readonly text: string; readonly lines: string[] }, line: string): ReplyProgress {
    if (line !== ".") return block.lines.push(line) > MAX_LINES ? WRONG : MORE;
    const { text, lines } = block;
    if (this.#verb === "CAPA") {
      const capabilities = parseCapabilities(lines);
      return capabilities === null ? WRONG : { kind: "capabilities", capabilities };
    }
    if (this.#verb === "ID") {
      const identity = parseIdentity(text);
      const keys = all<NamedKey>(lines, parseNamedKey);
      return identity === null || keys === null ? WRONG : { kind: "identified", identity, keys };
    }
    const keys = all<LentKey>(lines, parseLentKey);
    return keys === null ? WRONG : { kind: "keys", keys };
  }
}

/** A code of later versions means: not now (PRV-15). */
function knownCode(written: string): ErrorCode {
  return errorCodes.find((code) => code === written.toUpperCase()) ?? "TEMP";
}

/** All lines read, at least one; null when one cannot be. */
function all<T>(lines: readonly string[], parse: (line: string) => T | null): T[] | null {
  const read = lines.map(parse);
  return read.length === 0 || read.includes(null) ? null : (read as T[]);
}
