import type { MilterMessage, MilterOutcome, MilterReply } from "../milter/index.ts";
import type { ReceivedMessage, Reception } from "../reception/index.ts";
import { reply } from "../smtp/index.ts";
import { milterReply, refuse, unchanged } from "./reply.ts";

export interface MessageReader {
  /** What its body has in 8 bits is to be found out, for conversion. */
  readonly scanEightBit: boolean;
  /** It is whole. Its body can be read until this resolves; who needs it longer takes it. */
  readonly filter: (message: ReceivedMessage) => Promise<MilterOutcome>;
  /** It could not be received; `cause` is what failed here, null where nothing did. */
  readonly refused: (reply: MilterReply, cause: unknown) => void;
}

const taken = reply(250, "2.0.0", "Ok");

/** Begins a message: received as by SMTP, within the room for all; a refusal where there is none. */
export function beginMessage(reception: Reception, reader: MessageReader): MilterMessage | MilterReply {
  let outcome: MilterOutcome | null = null;
  const sink = reception.begin({
    declaredOctets: null,
    scanEightBit: reader.scanEightBit,
    accept: async (message) => {
      outcome = await reader.filter(message);
      return taken;
    },
    refused: (answer, cause) => reader.refused(milterReply(answer), cause),
  });
  if ("code" in sink) return milterReply(sink);
  return {
    write: (octets) => sink.write(octets),
    finish: async () => {
      const told = await sink.finish();
      return outcome ?? unchanged(refuse(milterReply(told)));
    },
    abort: () => sink.abort("disconnected"),
  };
}
