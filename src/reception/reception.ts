import { busyReply, type DataSink, OctetBudget, type Reply } from "../smtp/index.ts";
import type { Spool } from "../spool/index.ts";
import { MessageSink, type Reader } from "./message-sink.ts";

export interface ReceptionOptions {
  /** Where bodies go that are too large for memory. */
  readonly spool: Pick<Spool, "receive" | "memoryOctets">;
  /** Octets held in memory for messages in all sessions together; further ones are answered 452. Default 256 MiB. */
  readonly memoryOctets?: number | undefined;
}

export interface Wanted extends Reader {
  /** The message's size as the client says; null where it does not. */
  readonly declaredOctets: number | null;
}

/** What all sessions of a host share in receiving messages. */
export class Reception {
  readonly #spool: Pick<Spool, "receive" | "memoryOctets">;
  readonly #budget: OctetBudget;

  constructor(options: ReceptionOptions) {
    this.#spool = options.spool;
    this.#budget = new OctetBudget(options.memoryOctets ?? 256 << 20);
  }

  /** Octets held now for messages that are being received or queued. */
  get memoryOctets(): number {
    return this.#budget.usedOctets;
  }

  /** Begins a message; a reply where there is no room for it. */
  begin(wanted: Wanted): DataSink | Reply {
    // Each octet that is held counts twice: it is there once more when header and body are put together.
    const room = 2 * Math.min(wanted.declaredOctets ?? 0, this.#spool.memoryOctets);
    return this.#budget.hasRoomFor(room) ? new MessageSink(this.#spool, this.#budget, wanted) : busyReply;
  }
}
