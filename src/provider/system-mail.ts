import { randomUUID } from "node:crypto";
import type { ReportSigner } from "../delivery/index.ts";
import { type Queue, QueueStoreError } from "../queue/index.ts";
import type { MailOptions } from "../reports/index.ts";

export interface SystemMailOptions {
  readonly signer: ReportSigner;
  readonly queue: Pick<Queue, "enqueue">;
  /** Whose role account writes it. */
  readonly domain: string;
}

/** What a mail is written with: From is the address of the role account, which signs. */
export type SystemMailFrame = Pick<MailOptions, "from" | "id" | "now">;

export type SystemMailOutcome =
  | { readonly kind: "queued"; readonly id: string }
  /** Nothing was queued. Of `later` it may be otherwise another time. */
  | { readonly kind: "later" | "never"; readonly detail: string };

/** Mail of this system to others' systems, signed by its role account: unsigned it would be worth nothing (REP-8). */
export class SystemMail {
  readonly #options: SystemMailOptions;

  constructor(options: SystemMailOptions) {
    this.#options = options;
  }

  /** Never rejects. @param compose CRLF line ends */
  async send(recipient: string, compose: (frame: SystemMailFrame) => Buffer): Promise<SystemMailOutcome> {
    const { signer, queue, domain } = this.#options;
    const frame = { id: randomUUID(), now: Date.now() };
    const signed = await signer.sign({
      recipient,
      domain,
      smtputf8: false,
      requireTls: false,
      overdue: false,
      compose: (from) => compose({ ...frame, from }),
    });
    if (signed.kind === "later") return { kind: "later", detail: textOf(signed.cause) };
    // Another domain's role would do for reports to senders; a report must be signed by whom it names.
    if (signed.signedBy?.endsWith(`@${domain}`) !== true) {
      return { kind: "never", detail: `nobody here may sign as mailer-daemon of ${domain}` };
    }
    try {
      const [id = ""] = await queue.enqueue(signed.messages);
      return { kind: "queued", id };
    } catch (error) {
      if (!(error instanceof QueueStoreError)) throw error;
      return { kind: "later", detail: error.message };
    }
  }
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
