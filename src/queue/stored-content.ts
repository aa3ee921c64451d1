import { HeaderReader } from "../message/index.ts";
import type { StoredContent } from "./queued-message.ts";

/** All octets of a message in order, the prefix first. */
export async function* piecesOf({ inline, rest, restOctets }: StoredContent): AsyncGenerator<Uint8Array> {
  yield* inline;
  if (restOctets > 0) yield* rest();
}

/** The header, its last CRLF included (see HeaderReader); of the body no more is read than comes with it. */
export async function headerOf(content: StoredContent): Promise<Buffer> {
  const reader = new HeaderReader();
  for await (const piece of piecesOf(content)) if (reader.write(piece).length > 0) break;
  return reader.finish();
}
