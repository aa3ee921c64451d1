import type { StoredContent } from "./queue-store.ts";

/** All octets of a message in order, the prefix first. */
export async function* piecesOf({ inline, rest, restOctets }: StoredContent): AsyncGenerator<Uint8Array> {
  yield* inline;
  if (restOctets > 0) yield* rest();
}
