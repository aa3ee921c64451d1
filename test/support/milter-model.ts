// What a milter says to a mail server, by the handler of test/fuzz/milter-session.ts: written from the protocol's description
// (mfdef.h, and what libmilter and Postfix do), not from the code that it judges.
import { packetOf } from "../../src/milter/test-milter-client.ts";

export const MAX_RECIPIENTS = 6;
export const MAX_HEADER = 2000;

const error = packetOf("y", "451 4.3.0 Local error, try again later");
const no = packetOf("y", "550 5.7.1 100%% no");
const crowded = packetOf("y", "452 4.5.3 Too many recipients");
const large = packetOf("y", "552 5.3.4 The header of the message is too large");
const go = packetOf("c");
const accept = packetOf("a");
const discard = packetOf("d");

/** Bits by which a mail server is spared an answer. */
const silences: Record<string, number> = {
  L: 0x80,
  C: 0x1000,
  H: 0x2000,
  M: 0x4000,
  R: 0x8000,
  U: 0x20000,
  N: 0x40000,
  B: 0x80000,
};

interface Message {
  readonly way: string;
  recipients: number;
  isFull: boolean;
  /** Nobody was asked, somebody takes it, or it is decided: then the answer to all that comes. */
  state: "envelope" | "taken" | Buffer;
  header: string;
  hasContent: boolean;
  inBody: boolean;
  body: string;
}

export class MilterModel {
  readonly #asksRcpt: boolean;
  #input: Buffer = Buffer.alloc(0);
  #said: Buffer[] = [];
  #agreed: { steps: number; actions: number; silent: number } | null = null;
  #hasClient = false;
  #message: Message | null = null;
  isBroken = false;
  isOver = false;
  packets = 0;
  /** The contents of messages that were finished. */
  readonly finished: string[] = [];

  constructor(asksRcpt: boolean) {
    this.#asksRcpt = asksRcpt;
  }

  get said(): string {
    return Buffer.concat(this.#said).toString("latin1");
  }

  hear(octets: Buffer): void {
    this.#input = Buffer.concat([this.#input, octets]);
    while (!this.isOver && this.#input.length >= 5) {
      const length = this.#input.readUInt32BE(0);
      const letter = String.fromCharCode(this.#input[4] as number);
      const isContent = "BE".includes(letter);
      const most = isContent || letter === "L" ? 1_048_576 : 65_536;
      if (length === 0 || !"ABCDEHKLMNOQRTU".includes(letter) || length > most) {
        this.#break();
        return;
      }
      const data = this.#input.subarray(5, 4 + length);
      const isWhole = this.#input.length >= 4 + length;
      // Octets of a body are looked at as they come.
      if (!isWhole && !(isContent && data.length > 0)) return;
      if (!isWhole) {
        this.#part();
        return;
      }
      this.#input = this.#input.subarray(4 + length);
      this.packets++;
      this.#take(letter, data);
    }
  }

  /** A part of a body: that it has come at all may be wrong, or begin the content. */
  #part(): void {
    if (this.#agreed === null || this.#message === null) this.#break();
    else {
      const message = this.#message;
      this.#begin(message, () => this.#endHeader(message));
    }
  }

  #break(): void {
    this.isBroken = true;
    this.#close();
  }

  #close(): void {
    this.isOver = true;
    this.#message = null;
  }

  #answer(letter: string, answer: Buffer): void {
    const bit = silences[letter] ?? 0;
    if (((this.#agreed?.silent ?? 0) & bit) === 0) this.#said.push(answer);
  }

  #take(letter: string, data: Buffer): void {
    if (letter === "Q") this.#close();
    else if (this.#agreed === null) this.#negotiate(letter, data);
    else if (letter === "O") this.#break();
    else if (letter === "D") {
      if (data.length === 0 || (data.length > 1 && data.at(-1) !== 0)) this.#break();
    } else if (letter === "C") this.#connect(data);
    else if (letter === "K") {
      this.#message = null;
      this.#hasClient = false;
    } else if ("BE".includes(letter)) this.#body(letter, data);
    else if (!this.#hasClient) this.#break();
    else this.#command(letter, data);
  }

  #negotiate(letter: string, data: Buffer): void {
    if (letter !== "O" || data.length < 12 || data.readUInt32BE(0) < 2) {
      this.#break();
      return;
    }
    const actions = (data.readUInt32BE(4) || 0x0f) & 0x133;
    const offered = data.readUInt32BE(8) || 0x3f;
    let steps = offered & (0x1f7180 | 0x100) & ~0x10c00;
    if (!this.#asksRcpt) steps |= offered & 0x8000;
    if (offered & 0x20000000) steps |= 0x20000000;
    else steps |= offered & 0x10000000;
    this.#agreed = { steps, actions, silent: steps };
    const tls = "{tls_version} {cipher} {cipher_bits} {verify} {cert_subject} {cert_issuer}";
    const lists: (string | number)[] = [
      ...[0, "j _ v {daemon_name} {client_addr} {client_name} {client_port}", 1, tls, 2],
      `i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer} ${tls}`,
      ...[3, "i {rcpt_addr} {rcpt_host} {rcpt_mailer}", 4, "i", 6, "i", 5, "i {msg_id}"],
    ];
    const version = Math.min(6, data.readUInt32BE(0));
    this.#said.push(packetOf("O", version, actions, steps >>> 0, ...(actions & 0x100 ? lists : [])));
  }

  #connect(data: Buffer): void {
    const text = data.toString("latin1");
    const [name = ""] = text.split("\0");
    const rest = text.slice(name.length + 1);
    const isFour =
      /^4..(\d{1,3}\.){3}\d{1,3}\0/s.test(rest) &&
      rest
        .slice(3)
        .split("\0")[0]
        ?.split(".")
        .every((n) => Number(n) < 256 && String(Number(n)) === n);
    const isUnix = /^L..[^\0]*\0/s.test(rest);
    if (this.#hasClient || !text.includes("\0") || !(rest.startsWith("U") || isFour || isUnix)) {
      this.#break();
      return;
    }
    this.#hasClient = true;
    this.#answer("C", go);
  }

  #command(letter: string, data: Buffer): void {
    if (letter === "H") {
      this.#message = null;
      this.#answer(letter, go);
    } else if (letter === "A") this.#message = null;
    else if (letter === "U") this.#answer(letter, go);
    else if (letter === "M") this.#mail(data);
    else if (this.#message === null) this.#break();
    else if (letter === "R") this.#rcpt(this.#message, data);
    else if (letter === "T") this.#data(this.#message);
    else if (letter === "L") this.#field(this.#message, data);
    else {
      const message = this.#message;
      this.#begin(message, () => {
        this.#endHeader(message);
        this.#answer(letter, this.#verdict(message));
      });
    }
  }

  #verdict({ state }: Message): Buffer {
    return typeof state === "string" ? go : state;
  }

  #mail(data: Buffer): void {
    if (data.length === 0 || data.at(-1) !== 0) {
      this.#break();
      return;
    }
    const path = (data.toString().split("\0")[0] as string).trim();
    const address = path.startsWith("<") && path.endsWith(">") ? path.slice(1, -1) : path;
    this.#message = {
      way: address.split("@")[0] as string,
      ...{
        recipients: 0,
        isFull: false,
        state: "envelope",
        header: "",
        hasContent: false,
        inBody: false,
        body: "",
      },
    } as Message;
    this.#answer("M", go);
  }

  #rcpt(message: Message, data: Buffer): void {
    if (message.state === "taken" || message.hasContent || data.length === 0 || data.at(-1) !== 0) {
      this.#break();
      return;
    }
    this.#reopen(message);
    if (message.state !== "envelope") this.#answer("R", this.#verdict(message));
    else if (message.recipients >= MAX_RECIPIENTS) {
      message.isFull = true;
      this.#answer("R", crowded);
    } else {
      const path = (data.toString().split("\0")[0] as string).trim();
      const address = path.startsWith("<") && path.endsWith(">") ? path.slice(1, -1) : path;
      const way = this.#asksRcpt ? (address.split("@")[0] as string) : "";
      if (way === "bad") this.#answer("R", error);
      else if (way === "no" || way === "refuse") this.#answer("R", no);
      else if (way === "accept" || way === "discard") {
        message.state = way === "accept" ? accept : discard;
        this.#answer("R", message.state);
      } else {
        message.recipients++;
        this.#answer("R", go);
      }
    }
  }

  /** Refused, a message may be tried again with other recipients. */
  #reopen(message: Message): void {
    if (typeof message.state === "string" || message.state.at(4) !== 0x79) return;
    Object.assign(message, { state: "envelope", header: "" });
  }

  #data(message: Message): void {
    if (message.state === "taken" || message.hasContent) {
      this.#break();
      return;
    }
    this.#reopen(message);
    this.#begin(message, () => this.#answer("T", this.#verdict(message)));
  }

  #begin(message: Message, then: () => void): void {
    if (message.state === "envelope") {
      const isToldNow = message.isFull && ((this.#agreed?.silent ?? 0) & 0x8000) !== 0;
      if (isToldNow) message.state = crowded;
      else if (message.way === "bad-begin") message.state = error;
      else if (message.way === "refuse") message.state = no;
      else if (message.way === "discard") message.state = discard;
      else if (message.way === "accept" || message.way === "continue") message.state = accept;
      else message.state = "taken";
    }
    then();
  }

  #field(message: Message, data: Buffer): void {
    this.#begin(message, () => {
      const [name, value] = data.toString("latin1").split("\0");
      const ends = data.filter((octet) => octet === 0).length;
      if (ends < 2 || name === "" || message.inBody) {
        this.#break();
        return;
      }
      message.hasContent = true;
      if (message.state === "taken") {
        if (message.header.length + data.length > MAX_HEADER) message.state = large;
        else {
          const text = (value as string).replace(/[\r\n]+$/, "").replace(/\r?\n/g, "\r\n");
          message.header += `${name}:${(this.#agreed?.steps ?? 0) & 0x100000 ? "" : " "}${text}\r\n`;
        }
      }
      this.#answer("L", this.#verdict(message));
    });
  }

  #endHeader(message: Message): void {
    if (message.inBody) return;
    message.hasContent = true;
    message.inBody = true;
    if (message.state === "taken" && message.way === "bad-write") message.state = error;
  }

  #body(letter: string, data: Buffer): void {
    const message = this.#message;
    if (message === null) {
      this.#break();
      return;
    }
    this.#begin(message, () => {
      this.#endHeader(message);
      message.body += data.toString("latin1");
      if (letter === "B") this.#answer("B", this.#verdict(message));
      else this.#finish(message);
    });
  }

  #finish(message: Message): void {
    this.#message = null;
    if (message.state !== "taken") {
      this.#said.push(this.#verdict(message));
      return;
    }
    this.finished.push(`${message.header}\r\n${message.body}`);
    this.#said.push(...this.#outcome(message.way));
  }

  #outcome(way: string): Buffer[] {
    const { steps, actions } = this.#agreed as { steps: number; actions: number };
    const mark = packetOf("i", 0, "Mark", steps & 0x100000 ? " 1" : "1");
    const body = ["other ", "body\r\n"].map((text) => packetOf("b", Buffer.from(text)));
    switch (way) {
      case "edits":
        return actions & 0x01 ? [mark, accept] : [error];
      case "body":
        return (actions & 0x03) === 0x03 ? [...body, mark, go] : [error];
      case "quarantine":
        return actions & 0x20 ? [packetOf("q", "why"), go] : [error];
      case "finish-refuse":
        return [no];
      case "finish-discard":
        return [discard];
      case "unfit":
      case "bad-finish":
        return [error];
      default:
        return [go];
    }
  }
}
