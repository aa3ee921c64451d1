import type { ContentFault } from "../server/handler.ts";
import { DotStuffer } from "./dot-stuffer.ts";
import { xforwardCommands } from "./identity-commands.ts";
import { type Agreed, findObstacle, formatMailCommand, formatRcptCommand } from "./mail-command.ts";
import type { ClientDeadlines, OutgoingMessage, OutgoingRecipient } from "./options.ts";
import { type Failure, ownFailure, replyFailure, type Stage } from "./outcome.ts";
import type { ServerReply } from "./reply-reader.ts";
import { type Wire, WireError } from "./wire.ts";

/** What MAIL says. */
export type OutgoingEnvelope = Omit<OutgoingMessage, "recipients" | "content">;

/** What a command, or the content, came to. */
export type StepOutcome =
  | { readonly ok: true; readonly reply: ServerReply }
  | { readonly ok: false; readonly failure: Failure };

const noContent = new Uint8Array(0);

/**
 * One transaction, command by command, for who answers a client of his own with what the server says: MAIL, RCPT for each
 * recipient, DATA, the content, and apart from it the dot that ends it. Nothing rejects for what the network or the server
 * does: after a failure whose code is null the connection may be gone (`usable` of the client tells).
 */
export class StepwiseTransaction {
  readonly #wire: Wire;
  readonly #agreed: Agreed;
  readonly #deadlines: ClientDeadlines;
  readonly #envelope: OutgoingEnvelope;
  readonly #stuffer = new DotStuffer();
  /** What the server would take up again after RSET: nothing, a transaction, or one that only its end can end. */
  #state: "closed" | "open" | "content" = "closed";

  constructor(wire: Wire, agreed: Agreed, deadlines: ClientDeadlines, envelope: OutgoingEnvelope) {
    this.#wire = wire;
    this.#agreed = agreed;
    this.#deadlines = deadlines;
    this.#envelope = envelope;
  }

  async mail(): Promise<StepOutcome> {
    const obstacle = this.#obstacle([]);
    if (obstacle !== null) return { ok: false, failure: obstacle };
    const line = formatMailCommand({ ...this.#envelope, ...nobody }, this.#agreed.extensions);
    // What it is told of the client is for its log: mail does not depend on how it likes that.
    for (const command of this.#whose()) await this.#ask("mail", command, this.#deadlines.mailMs, [250]);
    const outcome = await this.#ask("mail", line, this.#deadlines.mailMs, [250]);
    if (outcome.ok) this.#state = "open";
    return outcome;
  }

  #whose(): string[] {
    const { xforward } = this.#envelope;
    return xforward == null ? [] : xforwardCommands(xforward, this.#agreed.extensions.get("XFORWARD") ?? "");
  }

  async rcpt(recipient: OutgoingRecipient): Promise<StepOutcome> {
    const obstacle = this.#obstacle([recipient]);
    if (obstacle !== null) return { ok: false, failure: { ...obstacle, stage: "rcpt" } };
    const { extensions } = this.#agreed;
    const line = formatRcptCommand(recipient, this.#envelope.smtputf8 === true, extensions);
    // RFC 5321 §3.4: 251 is success as well.
    return this.#ask("rcpt", line, this.#deadlines.rcptMs, [250, 251]);
  }

  /** Whether the server waits for the content. */
  async data(): Promise<StepOutcome> {
    const outcome = await this.#ask("data", "DATA", this.#deadlines.dataMs, [354]);
    if (outcome.ok) {
      this.#state = "content";
      this.#wire.startData(1);
    }
    return outcome;
  }

  /**
   * Content, cut anywhere. Null: it is on its way. A failure closes the connection: the server must not take the part for the
   * whole.
   */
  async write(piece: Uint8Array): Promise<Failure | null> {
    const stuffed = this.#stuffer.stuff(piece);
    if (this.#stuffer.fault !== null) return this.#malformed(this.#stuffer.fault);
    try {
      if (stuffed.length > 0) await this.#wire.sendData([stuffed], this.#deadlines.dataBlockMs);
      return this.#wire.answered ? await this.#early() : null;
    } catch (error) {
      return this.#broken("content", error);
    }
  }

  /** The dot, perhaps with the last of the content in one piece before it; and what the server makes of the message. */
  async end(last: Uint8Array = noContent): Promise<StepOutcome> {
    const stuffed = this.#stuffer.stuff(last);
    const dot = Buffer.from(this.#stuffer.end());
    if (this.#stuffer.fault !== null) {
      return { ok: false, failure: this.#malformed(this.#stuffer.fault) };
    }
    this.#state = "closed";
    try {
      await this.#wire.sendData([stuffed, dot], this.#deadlines.dataBlockMs);
      this.#wire.note("C: .");
      return this.#judge("content", await this.#wire.reply(this.#deadlines.dataEndMs), [250]);
    } catch (error) {
      return { ok: false, failure: this.#broken("content", error) };
    }
  }

  /** Ends a transaction that is not to come to its end: by RSET where that is enough, else with the connection. */
  async reset(): Promise<void> {
    const state = this.#state;
    this.#state = "closed";
    if (state === "content") this.#wire.fail("the content is not completed");
    if (state !== "open" || !this.#wire.usable) return;
    const outcome = await this.#ask("mail", "RSET", this.#deadlines.quitMs, [250]);
    if (!outcome.ok) this.#wire.fail("the server refused RSET");
  }

  #obstacle(recipients: readonly OutgoingRecipient[]): Failure | null {
    return findObstacle({ ...this.#envelope, recipients, content: noContent }, this.#agreed);
  }

  async #ask(stage: Stage, line: string, ms: number, good: readonly number[]): Promise<StepOutcome> {
    this.#wire.send([line]);
    try {
      return this.#judge(stage, await this.#wire.reply(ms), good);
    } catch (error) {
      return { ok: false, failure: this.#broken(stage, error) };
    }
  }

  #judge(stage: Stage, answer: ServerReply, good: readonly number[]): StepOutcome {
    const { code } = answer;
    if (good.includes(code) || (stage === "content" && code < 300)) return { ok: true, reply: answer };
    if (code >= 400) return { ok: false, failure: replyFailure(stage, answer) };
    // What such a server would do next nobody knows.
    this.#wire.fail("a reply that is none to this command");
    return { ok: false, failure: ownFailure(stage, "4.5.0", `the server answers ${stage} with ${code}`) };
  }

  /** The server answered before it had seen the end: whatever it says, the message did not arrive. */
  async #early(): Promise<Failure> {
    const answer = await this.#wire.reply(this.#deadlines.dataBlockMs);
    this.#wire.fail("the server answered before the end of the message");
    if (answer.code >= 400) return replyFailure("content", answer);
    return ownFailure("content", "4.5.0", `the server answers ${answer.code} before the end of the message`);
  }

  #malformed(fault: ContentFault): Failure {
    this.#wire.fail("the message turned out to be malformed");
    return ownFailure("content", "5.6.0", `the message is malformed: ${fault}`);
  }

  #broken(stage: Stage, error: unknown): Failure {
    if (!(error instanceof WireError)) throw error;
    return ownFailure(stage, "4.4.2", error.message);
  }
}

const nobody = { recipients: [], content: noContent };
