import { headerOf, type LeasedMessage, type NewMessage, type StoredContent } from "../../queue/index.ts";
import type { RecipientResult } from "../result.ts";
import type { SenderStanding } from "../sender-standing.ts";
import { fatesOf, finalResult, untoldResult } from "./fate.ts";
import { formatReport, wantsWhole } from "./format-report.ts";
import { type Original, readOriginal } from "./original.ts";
import { OutsideLimit } from "./outside-limit.ts";
import type { ReportSigner, SignedReport } from "./report-signer.ts";
import { type ReportedRecipient, reportedRecipients } from "./reported-recipient.ts";

export interface ReporterOptions {
  /** This host's name. */
  readonly hostname: string;
  readonly signer: ReportSigner;
  /** How old a message is when its sender is told that it is delayed; null: never. */
  readonly warnAfterMs: number | null;
  readonly standing: SenderStanding;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly newId: () => string;
}

/** What a sender was told, or was not. */
export type ReportEvent =
  | {
      readonly kind: "reported";
      readonly message: LeasedMessage;
      readonly recipients: readonly ReportedRecipient[];
      /** The role account that signed; null: it goes unsigned. */
      readonly signedBy: string | null;
    }
  /** Recipients failed and nobody is told, for there is nobody who may be, or who wants to. */
  | {
      readonly kind: "undeliverable";
      readonly message: LeasedMessage;
      readonly failed: readonly RecipientResult[];
    }
  /** A sender elsewhere had enough reports. */
  | { readonly kind: "report-dropped"; readonly message: LeasedMessage; readonly because: string }
  /** It is tried again: until then nobody counts as failed. */
  | { readonly kind: "report-failed"; readonly message: LeasedMessage; readonly cause: unknown };

/** What is to be settled. */
export interface Conclusion {
  /** Final: what was given up has failed; what failed and cannot be told now is deferred. */
  readonly results: readonly RecipientResult[];
  /** To be queued in the transaction that settles. */
  readonly reports: readonly NewMessage[];
  /** It was time to tell of the delay, whoever wanted to hear of it. */
  readonly warned: boolean;
  /** The sender has to be told and cannot be now: nothing fails before he is. */
  readonly unreported: boolean;
  readonly event: ReportEvent | null;
}

/** When a message is too old and its report still cannot be signed, the report goes without after this. */
const UNSIGNED_AFTER_MS = 24 * 3_600_000;

/** Decides what senders hear of their messages, and writes it: one report for a message and attempt. */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #outside = new OutsideLimit();

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /**
   * @param results for each recipient what the attempt came to, or what is known without one
   * @param content is asked for only where there is something to tell
   */
  async conclude(
    message: LeasedMessage,
    results: readonly RecipientResult[],
    content: () => Promise<StoredContent>,
  ): Promise<Conclusion> {
    const now = this.#options.now();
    const fates = fatesOf(message, results, now, await this.#whyReturned(message, content));
    const { warnAfterMs } = this.#options;
    // The purpose does not tell: an order to bounce that was withdrawn wakes a message, too.
    const warned = warnAfterMs !== null && now >= message.enqueuedAt + warnAfterMs;
    const told = reportedRecipients(fates, warned && !message.warned);
    const conclusion = { results: fates.map(finalResult), reports: [], warned, unreported: false };
    if (told.length === 0 || !this.#mayBeTold(message)) {
      const failed = fates.filter(({ ending }) => ending !== null).map(finalResult);
      return {
        ...conclusion,
        event: failed.length === 0 ? null : { kind: "undeliverable", message, failed },
      };
    }
    const because = message.account === null ? this.#outside.take(message.sender, now) : null;
    if (because !== null) return { ...conclusion, event: { kind: "report-dropped", message, because } };
    const signed = await this.#write(message, told, content, now);
    if (signed.kind === "later") {
      const event = { kind: "report-failed", message, cause: signed.cause } as const;
      return { results: fates.map(untoldResult), reports: [], warned: false, unreported: true, event };
    }
    const event = { kind: "reported", message, recipients: told, signedBy: signed.signedBy } as const;
    return { ...conclusion, reports: signed.messages, event };
  }

  /** Reports get no reports (RFC 5321 §4.5.5), nor does what was taken for suspicious: its sender is made up. */
  #mayBeTold({ sender, suspicious }: LeasedMessage): boolean {
    return sender !== "" && !suspicious && !this.#options.signer.isRole(sender);
  }

  async #whyReturned(
    message: LeasedMessage,
    content: () => Promise<StoredContent>,
  ): Promise<"operator" | "account"> {
    if (message.purpose !== "bounce") return "operator";
    return (await this.#options.standing.problem(message, async () => headerOf(await content()))) === null
      ? "operator"
      : "account";
  }

  async #write(
    message: LeasedMessage,
    recipients: readonly ReportedRecipient[],
    content: () => Promise<StoredContent>,
    now: number,
  ): Promise<SignedReport> {
    const { hostname, signer, newId } = this.#options;
    // Whoever wrote from elsewhere does not wait for our vault, nor does anybody for what is broken for good.
    const overdue = message.account === null || now >= message.expiresAt + UNSIGNED_AFTER_MS;
    let original: Original | null = null;
    try {
      original = await readOriginal(await content(), message.size, wantsWhole(message, recipients));
    } catch (cause) {
      if (!overdue) return { kind: "later", cause };
    }
    const id = newId();
    const attempted = message.purpose === "attempt";
    return signer.sign({
      recipient: message.sender,
      domain: message.account === null ? message.destination : domainOf(message.sender),
      smtputf8: message.smtputf8,
      requireTls: message.requireTls,
      overdue,
      compose: (from) => formatReport(message, recipients, original, { hostname, from, now, attempted, id }),
    });
  }
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}
