import {
  type Exposure,
  type KeyRequest,
  MAX_PIPELINED,
  MAX_REQUEST_OCTETS,
  parseKeyRequest,
} from "./grammar.ts";

/** The whole reply to KEY: CRLF ended, one character for each octet. One that begins with `-FW` ends the session. */
export type KeyReply = string;

/** Who answers KEY. */
export interface KeyResponder {
  /**
   * The reply to exactly this request line (without CRLF) if it is at hand, else undefined. This is the path that
   * has to be fast: the line has not even been parsed.
   */
  recall(line: string): KeyReply | undefined;
  /** The reply to a request that was parsed from `line`; must not reject. */
  answer(request: KeyRequest, line: string): KeyReply | Promise<KeyReply>;
}

/** What the host of a session has to do: send the reply, then go on as `next` says. */
export interface SessionStep {
  /** Octets to send, one character each; may be empty. Those of one step are at most a few pipelines. */
  readonly reply: string;
  /**
   * `read`: wait for more octets. `again`: call `receive` with none, there are complete lines left. `start-tls`:
   * begin the handshake and call `secured` when it is done. `close`: close once the reply is sent. `abort`: drop
   * the connection (KEY-11).
   */
  readonly next: "read" | "again" | "start-tls" | "close" | "abort";
}

export interface ServerSessionOptions {
  readonly responder: KeyResponder;
  /** For CAPA (KEY-20). */
  readonly exposure: Exposure;
  /** Announce that every statement carries `s` (KEY-20, STA-5). */
  readonly signed: () => boolean;
  /** Default 1000, which is also the most that is allowed (KEY-16). */
  readonly maxRequests?: number;
}

const CR = 13;
/** A step replies at most one reply more than this: a client that asks much and reads nothing holds no more memory. */
const MAX_STEP_OCTETS = 16 * 1024;
/** What a request without key id, or in vain, weighs. */
const HARVESTING_COST = 10;
/** A handshake takes the server as long as many answers. */
const HANDSHAKE_COST = 10;
const TOO_MUCH = "-ERR [RATE] too many requests, come back later\r\n";

/**
 * The server's side of one connection (KEY-1 to KEY-20) without the connection: octets in, octets out. All
 * requests of one read are answered with one write. The host waits for a step before it asks for the next.
 */
export class KeyServerSession {
  readonly #responder: KeyResponder;
  readonly #exposure: Exposure;
  readonly #signed: () => boolean;
  readonly #maxRequests: number;
  #secure = false;
  #limited = false;
  #requests = 0;
  #cost = 0;
  /** What has arrived and is not a complete line yet, or is not answered yet. */
  #rest = "";

  constructor(options: ServerSessionOptions) {
    this.#responder = options.responder;
    this.#exposure = options.exposure;
    this.#signed = options.signed;
    this.#maxRequests = options.maxRequests ?? 1000;
  }

  /**
   * What the requests so far weigh in a rate limit (KEY-37): 1 each, and 10 for STLS and for those that only harvesters
   * repeat.
   */
  get cost(): number {
    return this.#cost;
  }

  /** TLS is up: what was said before does not count any more (KEY-12). */
  secured(): void {
    this.#secure = true;
    this.#rest = "";
  }

  /**
   * Takes octets as they arrived, in any portions.
   *
   * @param limited the client has asked too much lately: KEY and STLS are answered [RATE] (KEY-37)
   */
  receive(octets: Buffer, limited = false): SessionStep | Promise<SessionStep> {
    const text = this.#rest + octets.toString("latin1");
    this.#limited = limited;
    let parts: (string | Promise<string>)[] | null = null;
    let reply = "";
    let start = 0;
    let next: SessionStep["next"] = "read";
    while (next === "read") {
      const end = text.indexOf("\n", start);
      if (end < 0) break;
      const answer = this.#line(text, start, end);
      start = end + 1;
      if (typeof answer === "string") {
        reply += answer;
        if (reply.length >= MAX_STEP_OCTETS) next = "again";
      } else if (answer instanceof Promise) {
        parts ??= [];
        parts.push(reply, answer);
        reply = "";
        // A pipeline holds no more at a time (KEY-15): the rest comes when these are answered.
        if (parts.length >= 2 * MAX_PIPELINED) next = "again";
      } else {
        reply += answer.reply;
        next = answer.next;
      }
    }
    if (start === 0 || start === text.length) this.#rest = start === 0 ? text : "";
    else if (next !== "read") this.#rest = text.slice(start);
    // A copy: the slice would keep all that was read with it for as long as the client says nothing more.
    else this.#rest = Buffer.from(text.slice(start), "latin1").toString("latin1");
    if (next === "start-tls" && this.#rest !== "") return { reply: "", next: "abort" };
    if (next === "read" && this.#rest.length >= MAX_REQUEST_OCTETS) {
      reply += "-ERR [SYNTAX] a request has at most 1024 octets\r\n";
      next = "close";
    }
    return parts === null ? { reply, next } : joined([...parts, reply], next);
  }

  /** Answers the request that ends at the LF at `end`. */
  #line(text: string, start: number, end: number): string | Promise<string> | SessionStep {
    if (++this.#requests > this.#maxRequests) {
      return { reply: "-ERR [LIMIT] too many requests in one session\r\n", next: "close" };
    }
    if (end - start >= MAX_REQUEST_OCTETS) {
      return { reply: "-ERR [SYNTAX] a request has at most 1024 octets\r\n", next: "close" };
    }
    if (end === start || text.charCodeAt(end - 1) !== CR) {
      return { reply: "-ERR [SYNTAX] lines end in CRLF\r\n", next: "close" };
    }
    this.#cost++;
    const line = text.slice(start, end - 1);
    if (this.#secure && !this.#limited) {
      const reply = this.#responder.recall(line);
      if (reply !== undefined) return reply;
    }
    if (line === "NOOP") return "+OK\r\n"; // as clients write it, without taking it apart
    const space = line.indexOf(" ");
    const verb = (space < 0 ? line : line.slice(0, space)).toUpperCase();
    if (verb === "KEY") return this.#key(line);
    if (verb !== "CAPA" && verb !== "STLS" && verb !== "NOOP" && verb !== "QUIT") {
      return "-ERR [UNSUPP] expected CAPA, STLS, NOOP, QUIT or KEY\r\n";
    }
    if (space >= 0) return `-ERR [SYNTAX] ${verb} takes no argument\r\n`;
    if (verb === "CAPA") return this.#capabilities();
    if (verb === "QUIT") return { reply: "+OK\r\n", next: "close" };
    if (verb === "NOOP") return "+OK\r\n";
    if (this.#secure) return "-ERR [UNSUPP] TLS is active already\r\n";
    if (this.#limited) return TOO_MUCH;
    this.#cost += HANDSHAKE_COST - 1;
    return { reply: "+OK begin\r\n", next: "start-tls" };
  }

  #key(line: string): string | Promise<string> | SessionStep {
    if (!this.#secure) return "-ERR [TLSREQ] use STLS\r\n";
    if (this.#limited) return TOO_MUCH;
    const request = parseKeyRequest(line.slice(4));
    if (request === null) return "-ERR [SYNTAX] expected KEY address [kid]\r\n";
    const reply = this.#responder.answer(request, line);
    if (reply instanceof Promise) {
      return reply.then((text) => {
        this.#weigh(request, text);
        return text;
      });
    }
    this.#weigh(request, reply);
    return isRedirect(reply) ? { reply, next: "close" } : reply;
  }

  #weigh(request: KeyRequest, reply: KeyReply): void {
    if (request.kid === null || reply.startsWith("-ERR ")) this.#cost += HARVESTING_COST - 1;
  }

  /** KEY-20: before TLS what helps to get there, then what holds inside. */
  #capabilities(): string {
    const lines = ["+OK", "VSMTP 1"];
    if (!this.#secure) lines.push("STLS");
    else {
      lines.push("PIPELINING");
      if (this.#signed()) lines.push("SIGNED");
    }
    lines.push(`EXPOSURE ${this.#exposure}`, ".", "");
    return lines.join("\r\n");
  }
}

async function joined(
  parts: readonly (string | Promise<string>)[],
  next: SessionStep["next"],
): Promise<SessionStep> {
  const replies = await Promise.all(parts);
  const redirect = replies.findIndex(isRedirect);
  if (redirect >= 0) return { reply: replies.slice(0, redirect + 1).join(""), next: "close" };
  return { reply: replies.join(""), next };
}

/** After `-FW` the server closes (KEY-21). */
function isRedirect(reply: string): boolean {
  return reply.startsWith("-FW ");
}
