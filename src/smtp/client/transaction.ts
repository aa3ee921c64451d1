import type { ContentFault } from "../server/handler.ts";
import { DotStuffer } from "./dot-stuffer.ts";
import { xforwardCommands } from "./identity-commands.ts";
import { type Agreed, findObstacle, formatMailCommand, formatRcptCommand } from "./mail-command.ts";
import type { ClientDeadlines, OutgoingMessage } from "./options.ts";
import {
  type Delivered,
  delivered,
  type Failure,
  ownFailure,
  type RecipientOutcome,
  replyFailure,
  type Stage,
} from "./outcome.ts";
import type { ServerReply } from "./reply-reader.ts";
import { type Wire, WireError } from "./wire.ts";

/** One MAIL, RCPT, DATA (RFC 5321 §3.3), the commands in one piece where PIPELINING is offered (RFC 2920). */
export class Transaction {
  readonly #wire: Wire;
  readonly #agreed: Agreed;
  readonly #deadlines: ClientDeadlines;
  readonly #message: OutgoingMessage;
  /** By recipient: what is known already; null while it has a chance. */
  readonly #results: (Failure | Delivered | null)[];
  readonly #stuffer = new DotStuffer();
  stage: Stage = "mail";

  constructor(wire: Wire, agreed: Agreed, deadlines: ClientDeadlines, message: OutgoingMessage) {
    this.#wire = wire;
    this.#agreed = agreed;
    this.#deadlines = deadlines;
    this.#message = message;
    this.#results = message.recipients.map(() => null);
  }

  /** The outcomes when all recipients that have none yet share `rest`. */
  outcomes(rest: Failure | Delivered): RecipientOutcome[] {
    return this.#message.recipients.map(({ address: recipient }, index) => ({
      recipient,
      ...(this.#results[index] ?? rest),
    }));
  }

  /** Rejects with a `WireError` when the connection breaks; `stage` then says where. */
  async run(): Promise<RecipientOutcome[]> {
    const { content, recipients, smtputf8 } = this.#message;
    const whole = content instanceof Uint8Array ? this.#stuffer.stuff(content) : null;
    if (this.#stuffer.fault !== null) return this.outcomes(malformed(this.#stuffer.fault));
    const obstacle = findObstacle(this.#message, this.#agreed);
    if (obstacle !== null) return this.outcomes(obstacle);
    const { extensions } = this.#agreed;
    const mail = formatMailCommand(this.#message, extensions);
    const rcpts = recipients.map((recipient) => formatRcptCommand(recipient, smtputf8 === true, extensions));
    const { xforward } = this.#message;
    const whose = xforward == null ? [] : xforwardCommands(xforward, extensions.get("XFORWARD") ?? "");
    const refused = extensions.has("PIPELINING")
      ? await this.#pipelined(whose, mail, rcpts)
      : await this.#stepByStep(whose, mail, rcpts);
    return this.outcomes(refused ?? (await this.#send(whole)));
  }

  /** All commands in one piece. Null when the server waits for the content. */
  async #pipelined(
    whose: readonly string[],
    mail: string,
    rcpts: readonly string[],
  ): Promise<Failure | null> {
    this.#wire.send([...whose, mail, ...rcpts, "DATA"]);
    // What it is told of the client is for its log: mail does not depend on how it likes that.
    for (const _ of whose) await this.#wire.reply(this.#deadlines.mailMs);
    const sender = await this.#wire.reply(this.#deadlines.mailMs);
    this.stage = "rcpt";
    for (const index of rcpts.keys()) this.#judge(index, await this.#wire.reply(this.#deadlines.rcptMs));
    this.stage = "data";
    const go = await this.#wire.reply(this.#deadlines.dataMs);
    // Where MAIL or every RCPT was refused, what the server says to the rest is a consequence of that.
    const failure = sender.code === 250 ? this.#allRefused() : replyFailure("mail", sender);
    if (sender.code !== 250) this.#results.fill(null);
    if (go.code === 354 && failure === null) return null;
    if (go.code === 354) await this.#endEmpty();
    else if (sender.code === 250) await this.#reset();
    return failure ?? replyFailure("data", go);
  }

  /** Each command after the reply to the one before. */
  async #stepByStep(
    whose: readonly string[],
    mail: string,
    rcpts: readonly string[],
  ): Promise<Failure | null> {
    for (const command of whose) await this.#ask(command, this.#deadlines.mailMs);
    const sender = await this.#ask(mail, this.#deadlines.mailMs);
    if (sender.code !== 250) return replyFailure("mail", sender);
    this.stage = "rcpt";
    for (const [index, rcpt] of rcpts.entries())
      this.#judge(index, await this.#ask(rcpt, this.#deadlines.rcptMs));
    const refused = this.#allRefused();
    if (refused === null) {
      this.stage = "data";
      const go = await this.#ask("DATA", this.#deadlines.dataMs);
      if (go.code === 354) return null;
      await this.#reset();
      return replyFailure("data", go);
    }
    await this.#reset();
    return refused;
  }

  #judge(index: number, answer: ServerReply): void {
    // RFC 5321 §3.4: 251 is success as well.
    if (answer.code !== 250 && answer.code !== 251) this.#results[index] = replyFailure("rcpt", answer);
  }

  /** Not null when no recipient is left to send to. */
  #allRefused(): Failure | null {
    const [first = null] = this.#results;
    return this.#results.includes(null) ? null : (first as Failure | null);
  }

  /** Sends the content; the server's answer to it, or what went wrong with it here. */
  async #send(whole: Uint8Array | null): Promise<Failure | Delivered> {
    this.stage = "content";
    // RFC 2033 §4.2: LMTP has one for each recipient that was accepted.
    this.#wire.startData(this.#agreed.protocol === "smtp" ? 1 : this.#accepted().length);
    let octets = 0;
    // Always one piece behind, so that the last one goes out together with the terminator.
    let piece: Uint8Array = new Uint8Array(0);
    for await (const next of whole === null ? this.#stuffed() : slices(whole)) {
      if (this.#stuffer.fault !== null) break;
      if (piece.length > 0) await this.#wire.sendData([piece], this.#deadlines.dataBlockMs);
      if (this.#wire.answered) return this.#early();
      piece = next;
      octets += next.length;
    }
    const end = Buffer.from(this.#stuffer.end());
    if (this.#stuffer.fault !== null) {
      // The server must not take the part for the whole: nothing but the connection's end prevents that.
      this.#wire.fail("the message turned out to be malformed");
      return malformed(this.#stuffer.fault);
    }
    await this.#wire.sendData([piece, end], this.#deadlines.dataBlockMs);
    this.#wire.note(`C: (${octets} octets of message data)`);
    this.#wire.note("C: .");
    if (this.#agreed.protocol === "smtp") return this.#verdict();
    for (const index of this.#accepted()) this.#results[index] = await this.#verdict();
    return this.#results.at(-1) as Failure | Delivered;
  }

  /** Places of the recipients whose fate the content decides. */
  #accepted(): number[] {
    return [...this.#results.keys()].filter((index) => this.#results[index] === null);
  }

  async #verdict(): Promise<Failure | Delivered> {
    const answer = await this.#wire.reply(this.#deadlines.dataEndMs);
    return answer.code < 300 ? delivered(answer) : replyFailure("content", answer);
  }

  async *#stuffed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#message.content as AsyncIterable<Uint8Array>)
      yield this.#stuffer.stuff(chunk);
  }

  /** The server answered before it had seen the end: whatever it says, the message did not arrive. */
  async #early(): Promise<Failure> {
    const answer = await this.#wire.reply(this.#deadlines.dataBlockMs);
    this.#wire.fail("the server answered before the end of the message");
    return replyFailure("content", answer);
  }

  /** RFC 2920 §3.1: DATA was accepted though nobody is to receive the message: an empty one ends it. */
  async #endEmpty(): Promise<void> {
    if (this.#agreed.protocol === "lmtp") {
      // RFC 2033 §4.2 forbids this server to say 354, and nothing says what it would answer to the end.
      this.#wire.fail("the server takes a message for nobody");
      return;
    }
    this.#wire.startData(1);
    await this.#wire.sendData([terminator], this.#deadlines.dataBlockMs);
    await this.#wire.reply(this.#deadlines.dataEndMs);
  }

  /** Ends a transaction that did not come to its content, so that the connection can be used again. */
  async #reset(): Promise<void> {
    this.#wire.send(["RSET"]);
    try {
      const answer = await this.#wire.reply(this.#deadlines.quitMs);
      if (answer.code !== 250) this.#wire.fail("the server refused RSET");
    } catch (error) {
      // The outcomes are known; only the connection is lost.
      if (!(error instanceof WireError)) throw error;
    }
  }

  #ask(line: string, deadlineMs: number): Promise<ServerReply> {
    this.#wire.send([line]);
    return this.#wire.reply(deadlineMs);
  }
}

const terminator = Buffer.from(".\r\n");

/** So that the deadline for a block of data (RFC 5321 §4.5.3.2.5) means a block, however large the message. */
const sliceOctets = 256 * 1024;

function* slices(whole: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < whole.length; at += sliceOctets) yield whole.subarray(at, at + sliceOctets);
}

function malformed(fault: ContentFault): Failure {
  return ownFailure("content", "5.6.0", `the message is malformed: ${fault}`);
}
