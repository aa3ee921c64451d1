import {
  type Address,
  canonicalize,
  fieldText,
  type Header,
  type HeaderField,
  parseMailboxes,
} from "../message/index.ts";
import {
  judge,
  type KeySource,
  nextCustodyLevel,
  type ScannedMessage,
  SIGNATURE_FIELD,
} from "../signature/index.ts";

/** A user passes on what somebody else wrote to him. */
export interface Resend {
  /** Who signs that he did (CUS-2). */
  readonly resender: Address;
  /** Custody level, above those that are there. */
  readonly level: number;
}

/**
 * Tells a redirect from a new message (SIG-52): Resent fields on top name who passes it on, and its signatures hold and say that
 * it was for him. Null: it is a message like any other, and has to be the user's own (SUB-1).
 *
 * @param now Unix milliseconds
 * @returns `unavailable` where that cannot be found out now
 */
export async function readResend(
  message: ScannedMessage,
  keys: KeySource,
  now: number,
): Promise<Resend | "unavailable" | null> {
  if (!message.index.has("resent-from") || !message.index.has(SIGNATURE_FIELD)) return null;
  const resender = resenderOf(message.header);
  if (resender === null) return null;
  const seconds = Math.floor(now / 1000);
  const next = nextCustodyLevel(message, resender, seconds);
  if (next.kind === "none") return null;
  // Else anybody could have a name of others sent out, by putting a signature below it that holds nowhere.
  const { result, rcpt } = await judge(message, { now: seconds, recipients: [resender], keys });
  if (result === "temperror") return "unavailable";
  const holds = (result === "pass" || result === "neutral") && (rcpt === "match" || rcpt === "forwarded");
  return holds ? { resender, level: next.level } : null;
}

/** Resent-Sender, else the sole Resent-From mailbox, of the topmost block (RFC 5322 §3.6.6). */
function resenderOf(header: Header): Address | null {
  const block = topmostBlock(header);
  const field = block.get("resent-sender") ?? block.get("resent-from");
  const parsed = field && parseMailboxes(fieldText(header, field));
  const [mailbox, ...more] = parsed?.ok ? parsed.mailboxes : [];
  if (mailbox === undefined || more.length > 0) return null;
  const canonical = canonicalize(mailbox.address);
  return canonical.ok ? canonical.address : null;
}

/** Each name once: a second one, or a trace field, is where an earlier redirect begins. */
function topmostBlock({ fields }: Header): ReadonlyMap<string, HeaderField> {
  const block = new Map<string, HeaderField>();
  for (const field of fields) {
    if (block.size > 0 && (block.has(field.name) || isTrace(field.name))) break;
    if (field.name.startsWith("resent-")) block.set(field.name, field);
  }
  return block;
}

function isTrace(name: string): boolean {
  return name === "received" || name === "return-path";
}
