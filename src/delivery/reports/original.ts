import { fieldText, type Header, HeaderReader, parseHeader } from "../../message/index.ts";
import { piecesOf, type StoredContent } from "../../queue/index.ts";

/** What a report needs of the message that it is about. */
export interface Original {
  /** Its header with the last CRLF: whole, so that its signature can be checked, unless that is too large as well. */
  readonly header: Buffer;
  /** All of it; null where it was not wanted, or is larger than {@link MAX_RETURNED_OCTETS}. */
  readonly whole: Buffer | null;
  /** Null: none, or more than one. */
  readonly subject: string | null;
  readonly messageId: string | null;
}

/** A report must not be a way to make others send large mail. */
export const MAX_RETURNED_OCTETS = 64 * 1024;

/** @param octets of the whole message */
export async function readOriginal(
  content: StoredContent,
  octets: number,
  wantsWhole: boolean,
): Promise<Original> {
  const keepsAll = wantsWhole && octets <= MAX_RETURNED_OCTETS;
  const reader = new HeaderReader();
  const pieces: Uint8Array[] = [];
  for await (const piece of piecesOf(content)) {
    const body = reader.write(piece);
    if (keepsAll) pieces.push(piece);
    else if (body.length > 0) break;
  }
  const header = parseHeader(reader.finish());
  const only = (name: string): string | null => {
    const [field, ...more] = header.fields.filter((one) => one.name === name);
    return field === undefined || more.length > 0 ? null : fieldText(header, field);
  };
  return {
    header: bounded(header),
    whole: keepsAll ? Buffer.concat(pieces) : null,
    subject: only("subject"),
    messageId: only("message-id"),
  };
}

/** What this host put before a header comes back in any case, and as many of the fields behind it as there is room for. */
function bounded({ octets, fields }: Header): Buffer {
  if (octets.length <= MAX_RETURNED_OCTETS) return octets;
  return octets.subarray(0, fields.findLast(({ end }) => end <= MAX_RETURNED_OCTETS)?.end ?? 0);
}
