const mail = "MAIL FROM:<a@b.test>\r\n";
const rcpt = "RCPT TO:<b@mx.test>\r\n";

export const SCRIPT_RECIPIENTS = 5;
export const SCRIPT_OCTETS = 5000;

/**
 * A client's session that keeps the rules of framing, with what a server has to answer: a model of the receiving side
 * (with limits of SCRIPT_RECIPIENTS and SCRIPT_OCTETS), as simple as can be.
 */
export class SmtpScript {
  /** All that the client says, as Latin-1 text. */
  wire = "";
  /** The code of each reply, the greeting's first. */
  readonly codes = ["220"];
  /** The messages that are accepted. */
  readonly kept: string[] = [];
  /** The server has closed the connection. */
  over = false;
  #hello: "EHLO" | "HELO" | null = null;
  /** Recipients of the transaction; null: there is none. */
  #recipients: number | null = null;
  /** What came by BDAT; null: nothing yet. */
  #chunks: string | null = null;

  hello(verb: "EHLO" | "HELO"): void {
    this.#endTransaction();
    this.#hello = verb;
    this.say(`${verb} client.test\r\n`, "250");
  }

  mail(): void {
    const begins = this.#hello !== null && this.#recipients === null;
    this.say(mail, begins ? "250" : "503");
    if (begins) this.#recipients = 0;
  }

  rcpt(): void {
    const inOrder = this.#recipients !== null && this.#chunks === null;
    const room = (this.#recipients ?? 0) < SCRIPT_RECIPIENTS;
    this.say(rcpt, inOrder ? (room ? "250" : "452") : "503");
    if (this.#recipients !== null && inOrder && room) this.#recipients++;
  }

  /** Only where DATA is accepted: content behind a refused one ends the session. */
  data(text: string): void {
    if (this.#recipients === null || this.#recipients === 0 || this.#chunks !== null) return;
    const content = text === "" || text.endsWith("\r\n") ? text : `${text}\r\n`;
    this.say(`DATA\r\n${content.replaceAll(/(?<=^|\r\n)\./g, "..")}.\r\n`, "354");
    this.#decide(content, content.length);
    this.over = hasBare(content);
    this.#endTransaction();
  }

  bdat(text: string, last: boolean): void {
    this.wire += `BDAT ${text.length}${last ? " LAST" : ""}\r\n${text}`;
    if (this.#hello !== "EHLO" || this.#recipients === null) this.codes.push("503");
    else if (this.#recipients === 0) this.codes.push("554");
    else if (this.#chunk(text, last)) return;
    this.#endTransaction();
  }

  rset(): void {
    this.#endTransaction();
    this.say("RSET\r\n", "250");
  }

  /** A command that changes nothing. */
  say(wire: string, code: string): void {
    this.wire += wire;
    this.codes.push(code);
  }

  /** @returns whether more chunks may follow */
  #chunk(text: string, last: boolean): boolean {
    const all = (this.#chunks ?? "") + text;
    this.#chunks = all;
    if (last) {
      this.#decide(all === "" || /[\r\n]$/.test(all) ? all : `${all}\r\n`, all.length);
      return false;
    }
    // A CR at the end may still go on well.
    const code = judge(all.replace(/\r$/, ""), all.length);
    this.codes.push(code);
    return code === "250";
  }

  #decide(content: string, octets: number): void {
    const code = judge(content, octets);
    this.codes.push(code);
    if (code === "250") this.kept.push(content);
  }

  #endTransaction(): void {
    this.#recipients = null;
    this.#chunks = null;
  }
}

function judge(content: string, octets: number): "250" | "550" | "552" {
  const faulty = hasBare(content) || content.includes("\0");
  if (faulty || content.split("\r\n").some((line) => line.length > 998)) return "550";
  return octets > SCRIPT_OCTETS ? "552" : "250";
}

function hasBare(content: string): boolean {
  return /\r(?!\n)|(?<!\r)\n/.test(content);
}
