import { hash } from "node:crypto";
import { addressText, canonicalAddress, fieldText, type Header, parseAddress } from "../message/index.ts";
import type { SeenKey } from "../queue/index.ts";
import type { Verdict } from "../signature/index.ts";

/** By what a message's delivery to a recipient is known until its signature expires (RPL-1). */
export interface ReplayKeys {
  readonly own: SeenKey;
  /** Of a lesser copy: that of the same message as it should be. A lesser copy never keeps that from its recipient. */
  readonly better: SeenKey | null;
}

/**
 * Key id, SHA-256 of the decoded `b` (RPL-3) and canonical recipient; null where no signature verified. Copies are lesser
 * where they are tagged, and where they bear traces that would have them refused behind us as going in circles: whoever
 * adds such to a copy of his own, and is here first, must not have the true one taken for a repeat.
 *
 * @returns the keys for a recipient
 */
export function replayKeys(
  { kid, signature }: Pick<Verdict, "kid" | "signature">,
  header: Header,
  isTagged: boolean,
): (recipient: string) => ReplayKeys | null {
  if (kid === null || signature === null) return () => null;
  const traces = tracesOf(header);
  const { digest, expiresAt: until } = signature;
  return (recipient) => {
    const to = canonical(recipient);
    const named = [Buffer.from(`${kid}\0`), digest, Buffer.from(`\0${to}`)];
    const keyOf = (...parts: readonly Uint8Array[]): SeenKey => ({
      key: hash("sha256", Buffer.concat(parts), "buffer"),
      until,
    });
    const marks = `${isTagged ? "tag" : ""}${traces(to)}`;
    const best = keyOf(...named);
    return marks === ""
      ? { own: best, better: null }
      : { own: keyOf(...named, Buffer.from(`\0${marks}`)), better: best };
  };
}

/** As many as forwards bear. */
const MAX_HOPS = 30;

/** What no signature covers and forwards and lists look at, as letters; for a canonical address. */
function tracesOf(header: Header): (recipient: string) => string {
  const { fields } = header;
  const textsOf = (wanted: string): string[] =>
    fields.filter(({ name }) => name === wanted).map((field) => fieldText(header, field));
  const passedOnBy = new Set(textsOf("delivered-to").map(canonicalAddress));
  const lists = textsOf("list-id").map((text) => text.toLowerCase());
  const hops = fields.filter(({ name }) => name === "received").length > MAX_HOPS ? "H" : "";
  const automatic = textsOf("auto-submitted").some((text) => !/^no\b/i.test(text)) ? "A" : "";
  return (recipient) => {
    const listId = `<${recipient.replace(/@(?=[^@]*$)/, ".")}>`;
    const delivered = passedOnBy.has(recipient) ? "D" : "";
    const posted = lists.some((id) => id.endsWith(listId)) ? "L" : "";
    return `${hops}${automatic}${delivered}${posted}`;
  };
}

function canonical(recipient: string): string {
  const parsed = parseAddress(recipient);
  return parsed.ok ? addressText(parsed.address) : recipient.toLowerCase();
}
