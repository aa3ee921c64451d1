import { localError } from "./answer-packets.ts";
import type { Dialogue } from "./dialogue.ts";
import type { MilterAnswer } from "./handler.ts";
import { HeaderRecord } from "./header-record.ts";
import type { Agreement } from "./negotiation.ts";
import type { MilterSettings } from "./options.ts";
import { carryOut } from "./outcome.ts";
import { DataReader } from "./packet.ts";
import type { ReadStep } from "./packet-reader.ts";
import { command } from "./protocol.ts";
import { type Transaction, tooManyRecipients } from "./transaction.ts";

const headerTooLarge: MilterAnswer = {
  kind: "refuse",
  reply: { code: 552, enhanced: "5.3.4", text: "The header of the message is too large" },
};

/** Messages' content on its way to whoever takes it. */
export class ContentIntake {
  readonly #settings: MilterSettings;
  readonly #dialogue: Dialogue;
  readonly #agreement: Agreement;
  readonly #ended: () => void;
  /** A message is whole and its outcome awaited. */
  finishing = false;

  /** @param ended a message is over, and answered */
  constructor(settings: MilterSettings, dialogue: Dialogue, agreement: Agreement, ended: () => void) {
    this.#settings = settings;
    this.#dialogue = dialogue;
    this.#agreement = agreement;
    this.#ended = ended;
  }

  /** The content begins, with DATA or with itself: who takes it? */
  begin(transaction: Transaction, then: () => void): void {
    if (transaction.header !== null || transaction.verdict !== null) {
      then();
      return;
    }
    transaction.header = new HeaderRecord(this.#agreement.leadingSpace);
    // Where recipients are not answered one by one, this is the first that the mail server hears of it.
    if (transaction.isFull && !this.#agreement.answered.has(command.rcpt)) {
      transaction.verdict = tooManyRecipients;
      then();
      return;
    }
    this.#dialogue.ask(
      "begin",
      () => this.#settings.handler.begin(transaction),
      (taker) => {
        if ("finish" in taker) transaction.message = taker;
        else transaction.verdict = taker.kind === "continue" ? { kind: "accept" } : taker;
        then();
      },
      () => {
        transaction.verdict = localError;
        then();
      },
      (taker) => {
        if ("finish" in taker) taker.abort();
      },
    );
  }

  /** Takes a field. Returns what is wrong with it, or null. */
  takeField(transaction: Transaction, data: Buffer): string | null {
    const reader = new DataReader(data);
    const [name, value] = [reader.ended(), reader.ended()];
    if (name === null || name.length === 0 || value === null) return "a header field without name or value";
    if (transaction.stage === "body") return "a header field behind the header";
    transaction.stage = "header";
    const { header, message } = transaction;
    if (header !== null && message !== null) {
      if (header.length + data.length <= this.#settings.limits.headerOctets) header.add(name, value);
      else {
        const { connection } = transaction;
        this.#settings.onEvent({ kind: "message-refused", connection, reason: "header-too-large" });
        transaction.decide(headerTooLarge);
      }
    }
    this.#dialogue.answer(command.header, transaction.verdict);
    return null;
  }

  /** Writes the header, once it is over. */
  endHeader(transaction: Transaction, then: () => void): void {
    const { header, stage } = transaction;
    transaction.stage = "body";
    if (stage === "body" || header === null || transaction.message === null) then();
    else this.#write(transaction, header.end(), then);
  }

  takeBody(transaction: Transaction, { command: letter, octets, last }: ReadStep & { kind: "body" }): void {
    const ended = () => {
      if (!last) return;
      if (letter === command.body) this.#dialogue.answer(letter, transaction.verdict);
      else this.#finish(transaction);
    };
    this.begin(transaction, () => this.endHeader(transaction, () => this.#write(transaction, octets, ended)));
  }

  #write(transaction: Transaction, octets: Buffer, then: () => void): void {
    const { message } = transaction;
    if (message === null || octets.length === 0) {
      then();
      return;
    }
    const failed = () => {
      transaction.decide(localError);
      then();
    };
    this.#dialogue.ask("write", () => message.write(octets), then, failed);
  }

  #finish(transaction: Transaction): void {
    const { message, header } = transaction;
    const end = (answer: MilterAnswer | null) => {
      this.finishing = false;
      this.#dialogue.answer(command.endOfMessage, answer);
      this.#ended();
    };
    if (message === null || header === null) {
      end(transaction.verdict);
      return;
    }
    // Nobody is told of an end from here on: finish has been asked.
    transaction.message = null;
    this.finishing = true;
    this.#dialogue.askForOutcome(
      () => message.finish(),
      (outcome, still) => carryOut(outcome, header, this.#agreement, this.#dialogue, still),
      end,
      () => end(localError),
    );
  }
}
