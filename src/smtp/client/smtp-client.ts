import type { AgreedTls } from "./agreed-tls.ts";
import type { Agreed } from "./mail-command.ts";
import type { ClientDeadlines, OutgoingMessage } from "./options.ts";
import { ownFailure, type RecipientOutcome } from "./outcome.ts";
import { type OutgoingEnvelope, StepwiseTransaction } from "./stepwise.ts";
import { Transaction } from "./transaction.ts";
import { type Wire, WireError } from "./wire.ts";

/** A connection that is ready for mail: `openSmtp` makes it. Does one thing at a time. */
export class SmtpClient {
  readonly #wire: Wire;
  readonly #deadlines: ClientDeadlines;
  readonly protocol: "smtp" | "lmtp";
  /** EHLO keywords of the server, upper case, with their parameters; empty after HELO. */
  readonly extensions: ReadonlyMap<string, string>;
  /** Null: clear text. */
  readonly tls: AgreedTls | null;

  constructor(wire: Wire, agreed: Agreed, deadlines: ClientDeadlines) {
    this.#wire = wire;
    this.protocol = agreed.protocol;
    this.extensions = agreed.extensions;
    this.tls = agreed.tls;
    this.#deadlines = deadlines;
  }

  /** Whether another message can be tried on this connection. */
  get usable(): boolean {
    return this.#wire.usable;
  }

  /**
   * Sends one message. Never rejects for what the network or the server does; rejects, and closes the connection, when
   * the content's iterable throws.
   *
   * @returns one outcome for each recipient, in order.
   */
  async send(message: OutgoingMessage): Promise<RecipientOutcome[]> {
    const transaction = new Transaction(this.#wire, this, this.#deadlines, message);
    try {
      return await transaction.run();
    } catch (error) {
      this.#wire.fail("a transaction was broken off");
      if (!(error instanceof WireError)) throw error;
      return transaction.outcomes(ownFailure(transaction.stage, "4.4.2", error.message));
    }
  }

  /** A transaction whose commands are given one by one: nothing is sent yet. */
  begin(envelope: OutgoingEnvelope): StepwiseTransaction {
    return new StepwiseTransaction(this.#wire, this, this.#deadlines, envelope);
  }

  /** Says QUIT and closes (RFC 5321 §4.1.1.10). */
  async quit(): Promise<void> {
    if (this.usable) {
      this.#wire.send(["QUIT"]);
      await this.#wire.reply(this.#deadlines.quitMs).catch(() => {});
    }
    this.close();
  }

  /** Closes without another word. */
  close(): void {
    this.#wire.fail("the connection was closed by this side");
  }
}
