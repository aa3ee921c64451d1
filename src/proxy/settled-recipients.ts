import { hash } from "node:crypto";
import type { Came } from "./job.ts";
import type { Sender } from "./senders.ts";

/** Servers come again for as long (RFC 5321 §4.5.4.1). */
const KEPT_MS = 5 * 24 * 3_600_000;
/** Of all messages; the oldest messages give way. */
const MOST_RECIPIENTS = 100_000;

/**
 * Who has a message that others of its recipients could not get: their part of it is not sent again when the client comes
 * with all of it once more. It ends with the process; then they get it twice.
 */
export class SettledRecipients {
  readonly #byMessage = new Map<string, { readonly recipients: Set<string>; readonly until: number }>();
  #count = 0;

  /** Most of the time nobody's: then messages need not be told apart. */
  get isEmpty(): boolean {
    return this.#byMessage.size === 0;
  }

  /** @param recipient as the client wrote it. @param now Unix milliseconds */
  has(key: string, recipient: string, now: number): boolean {
    const settled = this.#byMessage.get(key);
    return settled !== undefined && settled.until > now && settled.recipients.has(recipient);
  }

  add(key: string, recipients: readonly string[], now: number): void {
    const before = this.#byMessage.get(key)?.recipients ?? new Set<string>();
    this.forget(key);
    for (const recipient of recipients) before.add(recipient);
    this.#byMessage.set(key, { recipients: before, until: now + KEPT_MS });
    this.#count += before.size;
    for (const oldest of this.#byMessage.keys()) {
      if (this.#count <= MOST_RECIPIENTS) break;
      this.forget(oldest);
    }
  }

  /** All recipients have it. */
  forget(key: string): void {
    this.#count -= this.#byMessage.get(key)?.recipients.size ?? 0;
    this.#byMessage.delete(key);
  }
}

/** What servers on the way write anew at each attempt. */
const TRACES: ReadonlySet<string> = new Set(["received", "return-path"]);
/** With more of them servers behind us may take a message for one in circles. */
const MAX_HOPS = 30;

/**
 * The same for the same message from the same sender, whenever and through whom it comes. Somebody else's copy is another one
 * where it may not reach its recipient: signed as somebody else or not at all, delivered before or in circles by its header.
 */
export function messageKey(
  { envelope, message: { scanned } }: Pick<Came, "envelope" | "message">,
  sender: Sender | null,
): string {
  const { header, bodyHashBase64 } = scanned;
  const fields = header.fields.filter(({ name }) => !TRACES.has(name));
  const octets = fields.map(({ start, end }) => header.octets.subarray(start, end));
  const account = sender?.kind === "user" ? sender.login.accountId : "";
  const circles = (scanned.index.get("received")?.length ?? 0) > MAX_HOPS ? "circles" : "";
  const path = envelope.reversePath?.text ?? "";
  const named = Buffer.from(`${path}\0${account}\0${circles}\0${bodyHashBase64}\0`);
  return hash("sha256", Buffer.concat([named, ...octets]), "base64url");
}
