import type { Mailboxes } from "../config/index.ts";
import { parseAddress } from "../message/index.ts";
import { type LeasedMessage, piecesOf, type QueuedRecipient, type StoredContent } from "../queue/index.ts";
import { parseMailbox } from "../smtp/index.ts";
import { storeInMaildir } from "./maildir.ts";
import { ownResult, type RecipientResult, type Result } from "./result.ts";

/** The Maildir of a canonical local part; null when nobody has it. */
export type FindMaildir = (mailboxes: Mailboxes, localPart: string) => string | null;

/** Delivers to Maildirs of this host; each recipient gets a copy, two names of one Maildir share it. */
export class LocalDelivery {
  readonly #hostname: string;
  readonly #findMaildir: FindMaildir;

  constructor(hostname: string, findMaildir: FindMaildir) {
    this.#hostname = hostname;
    this.#findMaildir = findMaildir;
  }

  async deliver(
    message: LeasedMessage,
    recipients: readonly QueuedRecipient[],
    mailboxes: Mailboxes,
    content: () => Promise<StoredContent>,
  ): Promise<RecipientResult[]> {
    const byMaildir = new Map<string, Promise<Result>>();
    return Promise.all(
      recipients.map(async ({ index, address }): Promise<RecipientResult> => {
        const maildir = this.#findMaildir(mailboxes, localPartOf(address));
        if (maildir === null) return { ...ownResult("5.1.1", `${address} is unknown here`), index, address };
        const stored = byMaildir.get(maildir) ?? this.#store(message, { index, address }, maildir, content);
        byMaildir.set(maildir, stored);
        return { ...(await stored), index, address };
      }),
    );
  }

  async #store(
    message: LeasedMessage,
    recipient: { readonly index: number; readonly address: string },
    maildir: string,
    content: () => Promise<StoredContent>,
  ): Promise<Result> {
    // RFC 5321 §4.4: the last host keeps the reverse path in the message.
    const trace = `Return-Path: <${message.sender}>\r\nDelivered-To: ${recipient.address}\r\n`;
    const stored = await content();
    try {
      await storeInMaildir(maildir, {
        name: `${Math.floor(message.enqueuedAt / 1000)}.V${message.id}R${recipient.index}.${this.#hostname}`,
        pieces: () => withTrace(Buffer.from(trace), stored),
        suspicious: message.suspicious,
        // A lease before this one may have ended in a crash, after the message was stored.
        repeated: message.lease > 1,
      });
    } catch (error) {
      return storeFailure(error);
    }
    const text = "stored in the mailbox";
    return { kind: "delivered", code: null, enhanced: "2.0.0", text, remote: null, onward: "mailbox" };
  }
}

async function* withTrace(trace: Uint8Array, content: StoredContent): AsyncGenerator<Uint8Array> {
  yield trace;
  yield* piecesOf(content);
}

/** Canonical, as the settings name mailboxes; also for local parts that are no VSMTP identity. */
export function localPartOf(address: string): string {
  const parsed = parseAddress(address);
  if (parsed.ok) return parsed.address.localPart;
  const localPart = parseMailbox(address)?.localPart ?? address;
  return localPart.normalize("NFC").replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** A disk that is full or broken now will be mended: all of these are for later. */
function storeFailure(error: unknown): Result {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined) throw error;
  if (code === "EDQUOT") return ownResult("4.2.2", "the mailbox is full");
  return ownResult(code === "ENOSPC" ? "4.3.1" : "4.2.0", `the message cannot be stored: ${code}`);
}
