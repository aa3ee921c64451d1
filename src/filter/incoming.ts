import {
  type Arrival,
  type Border,
  type DomainSettings,
  describeMessage,
  forAllDomains,
} from "../border/index.ts";
import { type Address, type HeaderEdit, parseAddress } from "../message/index.ts";
import type {
  MilterAnswer,
  MilterMessage,
  MilterOutcome,
  MilterReply,
  MilterTransaction,
} from "../milter/index.ts";
import type { ReceivedMessage } from "../reception/index.ts";
import type { Decision } from "../verification/index.ts";
import { beginMessage } from "./begin-message.ts";
import { possible, refuse, unchanged } from "./reply.ts";
import { clientOf, type Seen, type Shared, seen } from "./shared.ts";

/** How mail to a recipient is treated, by his address as the client gave it. */
export type SettingsOf = (recipient: string) => DomainSettings;

export interface VerifyingOptions {
  readonly border: Pick<Border, "judge" | "decide" | "fields" | "edits">;
  /** Null: all mail is treated alike. */
  readonly settingsOf: SettingsOf | null;
  /** What is to be kept from its recipients: the mail server holds it, or it is delivered with its mark. */
  readonly quarantine: "hold" | "mark";
  /** What becomes of mail that cannot be judged because something fails here. */
  readonly onTrouble: "defer" | "accept";
}

const trouble: MilterReply = {
  code: 451,
  enhanced: "4.3.0",
  text: "This message cannot be verified now; try again later",
};

/** Mail of others: judged, decided and recorded by the border; the mail server carries it out (VER-13, ACT-1). */
export class Incoming {
  readonly #options: VerifyingOptions;
  readonly #shared: Shared;

  constructor(options: VerifyingOptions, shared: Shared) {
    this.#options = options;
    this.#shared = shared;
  }

  begin(transaction: MilterTransaction): MilterMessage | MilterAnswer {
    const began = this.#shared.clock.now();
    const begun = beginMessage(this.#shared.reception, {
      scanEightBit: false,
      filter: (message) => this.#filter(transaction, message, began),
      refused: (reply, cause) => this.#unjudged(transaction, reply, cause),
    });
    if (!("code" in begun)) return begun;
    this.#unjudged(transaction, begun, null);
    return refuse(begun);
  }

  async #filter(
    transaction: MilterTransaction,
    message: ReceivedMessage,
    began: number,
  ): Promise<MilterOutcome> {
    try {
      return await this.#judge(transaction, message, began);
    } catch (error) {
      if (this.#options.onTrouble === "defer") {
        this.#unjudged(transaction, trouble, error);
        return unchanged(refuse(trouble));
      }
      this.#unjudged(transaction, null, error);
      // Without a verdict, but never with one that somebody else wrote in our name (REC-2).
      const edits = this.#options.border.edits(message.scanned.header, { action: "deliver" });
      return { ...unchanged({ kind: "accept" }), edits: possible(edits, transaction) };
    }
  }

  async #judge(
    transaction: MilterTransaction,
    message: ReceivedMessage,
    began: number,
  ): Promise<MilterOutcome> {
    const { border, settingsOf } = this.#options;
    const { clock, onEvent } = this.#shared;
    const about = seen(transaction, clock.now());
    const arrival = arrivalOf(transaction);
    const judged = await border.judge(message, arrival);
    const [first] = transaction.recipients;
    const settings = settingsOf === null || first === undefined ? forAllDomains : settingsOf(first.address);
    // A milter is not told whether the mail server has queued it at last, so it remembers nothing (decision 0125).
    const decision = border.decide(message.scanned, arrival, judged, settings, false);
    const edits: HeaderEdit[] = [
      ...border.edits(message.scanned.header, decision),
      { kind: "prepend", octets: border.fields(judged, decision) },
    ];
    const outcome = this.#carryOut(about, decision, edits, judged.verdict.reason ?? judged.verdict.result);
    const { answer } = outcome;
    onEvent({
      kind: "verified",
      ...about,
      ...judged,
      message: describeMessage(message),
      decision,
      reply: answer.kind === "refuse" ? answer.reply : null,
      took: { receiving: about.at - began, verifying: clock.now() - about.at },
    });
    return outcome;
  }

  #carryOut(
    { id, transaction }: Seen,
    decision: Decision,
    edits: readonly HeaderEdit[],
    why: string,
  ): MilterOutcome {
    const { action, reply } = decision;
    // Whoever is asked why finds the message by its id in the mail log.
    if (reply !== null) return unchanged(refuse({ ...reply, text: `${reply.text} (${id})` }));
    if (action === "discard") return unchanged({ kind: "discard" });
    const isHeld =
      action === "quarantine" &&
      this.#options.quarantine === "hold" &&
      transaction.connection.allows.quarantine;
    return {
      // `continue`: other milters are asked as well.
      answer: { kind: "continue" },
      edits: possible(edits, transaction),
      body: null,
      quarantine: isHeld ? `VSMTP/${why}` : null,
    };
  }

  #unjudged(transaction: MilterTransaction, reply: MilterReply | null, cause: unknown): void {
    const { clock, onEvent } = this.#shared;
    onEvent({ kind: "unjudged", ...seen(transaction, clock.now()), reply, cause });
  }
}

function arrivalOf(transaction: MilterTransaction): Arrival {
  const { connection, sender, recipients } = transaction;
  return {
    recipients: recipients.map(({ address }) => signedAddress(address)),
    client: { address: clientOf(transaction) || "0.0.0.0", helo: connection.helo ?? "" },
    reversePath: sender.address,
  };
}

/** As it may have been signed (VER-14); null for one that is no eligible address. */
function signedAddress(text: string): Address | null {
  const parsed = parseAddress(text);
  return parsed.ok ? parsed.address : null;
}
