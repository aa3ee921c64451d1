import { canonicalDomain, parseAddress } from "../message/index.ts";
import type { NewRecipient } from "../queue/index.ts";
import type { Envelope, Mailbox } from "../smtp/index.ts";
import type { MailboxAnswer, MxOptions } from "./mx-options.ts";

/** RFC 5321 §4.5.1: every host that takes mail has one; it may be named without a domain. */
const POSTMASTER = "postmaster";

/** Whose mail this host takes, and to whom it goes. */
export class Recipients {
  readonly #hostname: string;
  readonly #postmaster: string;
  readonly #mailbox: MxOptions["mailbox"];

  constructor({ hostname, postmaster, mailbox }: Pick<MxOptions, "hostname" | "postmaster" | "mailbox">) {
    this.#hostname = hostname;
    this.#postmaster = postmaster ?? `${POSTMASTER}@${hostname}`;
    this.#mailbox = mailbox;
  }

  lookUp(recipient: Mailbox): MailboxAnswer {
    const parsed = parseAddress(this.#mailboxOf(recipient));
    if (parsed.ok) return this.#mailbox(parsed.address.localPart, parsed.address.domain);
    const domain = canonicalDomain(recipient.domain);
    return domain === null ? { kind: "not-hosted" } : this.#mailbox(recipient.localPart, domain);
  }

  /** For the queue. Who is named twice gets the message once, as he was named first. */
  queued({ recipients }: Envelope): NewRecipient[] {
    const byAddress = new Map<string, NewRecipient>();
    for (const recipient of recipients) {
      const { notify, originalRecipient } = recipient;
      const address = this.#mailboxOf(recipient);
      if (!byAddress.has(address)) byAddress.set(address, { address, notify, originalRecipient });
    }
    return [...byAddress.values()];
  }

  #mailboxOf({ text, localPart, domain }: Mailbox): string {
    if (localPart.toLowerCase() !== POSTMASTER) return text;
    return domain === "" || canonicalDomain(domain) === this.#hostname ? this.#postmaster : text;
  }
}
