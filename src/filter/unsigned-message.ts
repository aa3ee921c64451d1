import { HeaderReader, parseHeader, withoutClaimedResults } from "../message/index.ts";
import type { MilterMessage, MilterTransaction } from "../milter/index.ts";
import { possible, unchanged } from "./reply.ts";
import type { Shared } from "./shared.ts";

/** Mail of a user that passes unsigned. Its header is looked at: nobody writes results in our name (REC-2). */
export function unsignedMessage(
  transaction: MilterTransaction,
  { authservIds }: Pick<Shared, "authservIds">,
  passed: () => void = () => {},
): MilterMessage {
  const reader = new HeaderReader();
  return {
    write: (octets) => void reader.write(octets),
    finish: () => {
      passed();
      const edits = withoutClaimedResults(parseHeader(reader.finish()), authservIds);
      return { ...unchanged({ kind: "accept" }), edits: possible(edits, transaction) };
    },
    abort: () => {},
  };
}
