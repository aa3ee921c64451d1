import { type Address, addressText, canonicalAddress, fieldText, type Header } from "../message/index.ts";

/** So many hosts a message may have come through that is passed on; more is a loop that nobody else ended. */
const MAX_HOPS = 30;

/** The trace that an address leaves in what it passes on. */
export function traceOf(address: Address): Buffer {
  return Buffer.from(`Delivered-To: ${addressText(address)}\r\n`);
}

/** Why a message must not be passed on by an address: it has been here. Null: it may. */
export function loopProblem(header: Header, address: Address): string | null {
  const own = addressText(address);
  let hops = 0;
  for (const field of header.fields) {
    if (field.name === "received" && ++hops > MAX_HOPS) return `it came through more than ${MAX_HOPS} hosts`;
    if (field.name === "delivered-to" && canonicalAddress(fieldText(header, field)) === own) {
      return `it was passed on by ${own} before: mail loop`;
    }
  }
  return null;
}
