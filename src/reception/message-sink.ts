import { isAscii } from "node:buffer";
import { EightBitScanner } from "../message/index.ts";
import { MessageScanner } from "../signature/index.ts";
import {
  type AbortReason,
  type Awaitable,
  busyReply,
  type DataSink,
  type OctetBudget,
  type Reply,
  reply,
} from "../smtp/index.ts";
import { inMemory, type Spool, SpoolError, type SpooledOctets, type SpoolWriter } from "../spool/index.ts";
import type { ReceivedMessage } from "./received-message.ts";
import { storageReply } from "./storage-reply.ts";

/** Who reads a message, and decides what becomes of it. */
export interface Reader {
  /** What its body has in 8 bits is to be found out, for conversion (MSG-16). */
  readonly scanEightBit: boolean;
  /** It is whole. A body that is taken is this reader's to queue or to remove, whatever it replies. */
  readonly accept: (message: ReceivedMessage) => Awaitable<Reply>;
  /** It could not be received; `cause` is what failed here, null where nothing did. */
  readonly refused: (reply: Reply, cause: unknown) => void;
}

interface Refusal {
  readonly reply: Reply;
  readonly cause: unknown;
}

/** RFC 5321 §6.3: a message with this many Received fields runs in circles. */
const MAX_HOPS = 100;
const loopReply = reply(554, "5.4.6", `This message has been through ${MAX_HOPS} servers: mail loop`);
const headerReply = reply(552, "5.3.4", "The header of this message is larger than 1 MiB");

/** Takes one message within the budget of all sessions: the header stays in memory, the body goes to the spool. */
export class MessageSink implements DataSink {
  readonly #spool: Pick<Spool, "receive" | "memoryOctets">;
  readonly #budget: OctetBudget;
  readonly #reader: Reader;
  readonly #scanner = new MessageScanner();
  /** The body, once there is one and until somebody took it. */
  #writer: SpoolWriter | null = null;
  #headerOctets = 0;
  #bodyOctets = 0;
  #eightBitBody = false;
  #eightBit: EightBitScanner | null = null;
  #heldOctets = 0;
  /** Why it cannot be received; what comes after is dropped. */
  #refusal: Refusal | null = null;

  constructor(spool: Pick<Spool, "receive" | "memoryOctets">, budget: OctetBudget, reader: Reader) {
    this.#spool = spool;
    this.#budget = budget;
    this.#reader = reader;
  }

  write(chunk: Uint8Array): void | Promise<void> {
    if (this.#refusal !== null) return;
    const body = this.#scanner.write(chunk);
    this.#headerOctets += chunk.length - body.length;
    if (this.#scanner.headerTooLarge) return this.#refuse(headerReply, null);
    const written = body.length > 0 ? this.#keep(body) : undefined;
    if (!this.#hold()) this.#refuse(busyReply, null);
    return written?.then(
      () => void this.#hold(),
      (error) => this.#failed(error),
    );
  }

  async finish(): Promise<Reply> {
    try {
      if (this.#refusal === null) {
        const scanned = this.#scanner.finish();
        const hops = scanned.index.get("received")?.length ?? 0;
        if (hops < MAX_HOPS) {
          return await this.#reader.accept({
            scanned,
            bodyOctets: this.#bodyOctets,
            hasEmptyLine: this.#scanner.hasEmptyLine,
            eightBitBody: this.#eightBitBody,
            eightBit: this.#eightBit?.finish() ?? null,
            readBody: () => this.#readBody(),
            takeBody: () => this.#takeBody(),
          });
        }
        this.#refuse(loopReply, null);
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#forget();
    }
    const { reply: answer, cause } = this.#refusal as Refusal;
    this.#reader.refused(answer, cause);
    return answer;
  }

  abort(_reason: AbortReason): void {
    this.#forget();
  }

  #keep(body: Uint8Array): void | Promise<void> {
    this.#bodyOctets += body.length;
    this.#eightBitBody ||= !isAscii(body);
    if (this.#reader.scanEightBit) {
      this.#eightBit ??= new EightBitScanner(this.#scanner.header);
      this.#eightBit.write(body);
    }
    this.#writer ??= this.#spool.receive();
    return this.#writer.write(body);
  }

  async *#readBody(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#bodyOctets === 0) return;
    // Whoever reads longer than the message lives must not take it for an empty one.
    if (this.#writer === null) throw new SpoolError("broken", "the body was taken");
    yield* this.#writer.read();
  }

  async #takeBody(): Promise<SpooledOctets> {
    const writer = this.#writer;
    this.#writer = null;
    return writer === null ? inMemory([], 0) : writer.finish();
  }

  /** Only what storage says is an answer for the client. */
  #failed(error: unknown): void {
    if (!(error instanceof SpoolError)) throw error;
    this.#refuse(storageReply(error), error);
  }

  #refuse(answer: Reply, cause: unknown): void {
    this.#refusal ??= { reply: answer, cause };
    this.#forget();
  }

  #forget(): void {
    void this.#writer?.discard();
    this.#writer = null;
    this.#budget.giveBack(this.#heldOctets);
    this.#heldOctets = 0;
  }

  /** Counts what is in memory now; false where that is more than there is room for. */
  #hold(): boolean {
    if (this.#refusal !== null) return true;
    const inMemory = this.#writer?.memoryOctets ?? 0;
    // What is queued in one piece, header or small message, is in memory twice when it is put together.
    const again = this.#bodyOctets > this.#spool.memoryOctets ? 0 : inMemory;
    const octets = 2 * this.#headerOctets + inMemory + again;
    const more = octets - this.#heldOctets;
    if (more > 0 && !this.#budget.take(more)) return false;
    if (more < 0) this.#budget.giveBack(-more);
    this.#heldOctets = octets;
    return true;
  }
}
