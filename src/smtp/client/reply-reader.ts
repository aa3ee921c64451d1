/** A reply of the server (RFC 5321 §4.2). */
export interface ServerReply {
  /** 200 to 599. */
  readonly code: number;
  /** Enhanced status code (RFC 2034), where the server gave one of the code's class. */
  readonly enhanced: string | null;
  /** The text of each line, without codes. */
  readonly lines: readonly string[];
}

export type ReplyStep =
  | { readonly kind: "reply"; readonly reply: ServerReply }
  /** The octets are no SMTP reply; the connection cannot be used any more. */
  | { readonly kind: "fault"; readonly detail: string };

/** RFC 5321 §4.5.3.1.5 allows 512 octets; servers that write more are read, within reason. */
const lineOctets = 2048;
const replyLines = 100;

const empty = Buffer.alloc(0);

/** Cuts the server's octets into replies. Holds at most one chunk, one line and `replyLines` lines. */
export class ReplyReader {
  #buffer: Buffer = empty;
  #at = 0;
  #code = 0;
  #enhanced: string | null = null;
  #lines: string[] = [];

  push(chunk: Buffer): void {
    this.#buffer = this.#hasOctets ? Buffer.concat([this.#buffer.subarray(this.#at), chunk]) : chunk;
    this.#at = 0;
  }

  /** Whether anything came behind the last complete reply: octets, or lines of a reply that goes on. */
  get inReply(): boolean {
    return this.#hasOctets || this.#lines.length > 0;
  }

  get #hasOctets(): boolean {
    return this.#at < this.#buffer.length;
  }

  /** The next complete reply, or null when more octets are needed for one. */
  next(): ReplyStep | null {
    for (;;) {
      const lf = this.#buffer.indexOf(0x0a, this.#at);
      const end = lf === -1 ? this.#buffer.length : lf + 1;
      if (end - this.#at > lineOctets) return fault(`a reply line is longer than ${lineOctets} octets`);
      if (lf === -1) return null;
      const line = this.#buffer.toString("utf8", this.#at, end);
      this.#at = end;
      const step = this.#takeLine(line);
      if (step !== null) return step;
    }
  }

  #takeLine(line: string): ReplyStep | null {
    const found = /^([2-5]\d\d)(?:([ -])([^\r\n]*))?\r\n$/.exec(line);
    if (found === null) return fault(`not a reply: ${JSON.stringify(line.slice(0, 80))}`);
    const code = Number(found[1]);
    const first = this.#lines.length === 0;
    if (!first && code !== this.#code) return fault(`the lines of a reply differ: ${this.#code}, ${code}`);
    if (this.#lines.length >= replyLines) return fault(`a reply has more than ${replyLines} lines`);
    const text = (found[3] ?? "").replaceAll(/[\0-\x1f\x7f-\x9f]/g, "?");
    const enhanced = /^([245]\.\d{1,3}\.\d{1,3})(?: |$)/.exec(text)?.[1] ?? null;
    const valid = enhanced !== null && enhanced[0] === line[0];
    if (first) {
      this.#code = code;
      this.#enhanced = valid ? enhanced : null;
    }
    this.#lines.push(valid ? text.slice(enhanced.length + 1) : text);
    if (found[2] === "-") return null;
    const reply = { code, enhanced: this.#enhanced, lines: this.#lines };
    this.#lines = [];
    return { kind: "reply", reply };
  }
}

function fault(detail: string): ReplyStep {
  return { kind: "fault", detail };
}
