// A session without sockets, and the parts of this module that hostile input reaches first, for test/fuzz.
import { editPackets } from "./edit-packets.ts";
import { HeaderRecord } from "./header-record.ts";
import { MacroTable } from "./macro-table.ts";
import { negotiate } from "./negotiation.ts";
import { type MilterServerOptions, resolveOptions } from "./options.ts";
import { PacketReader } from "./packet-reader.ts";
import { readConnection } from "./read-connection.ts";
import { readPath } from "./read-path.ts";
import { MilterSession } from "./session.ts";
import type { SessionPort } from "./session-port.ts";

export { editPackets, HeaderRecord, MacroTable, negotiate, PacketReader, readConnection, readPath };

/** A session, and all that it says. */
export class SessionHere implements SessionPort {
  readonly peer = "here";
  readonly session: MilterSession;
  readonly #said: Buffer[] = [];
  /** As if the mail server did not read. */
  congested = false;
  isOver = false;

  constructor(options: MilterServerOptions) {
    this.session = new MilterSession(resolveOptions(options), this);
  }

  get said(): Buffer {
    return Buffer.concat(this.#said);
  }

  send(octets: Uint8Array): void {
    if (!this.isOver) this.#said.push(Buffer.from(octets));
  }

  resume(): void {}

  close(): void {
    this.isOver = true;
  }

  abort(): void {
    this.isOver = true;
  }
}
