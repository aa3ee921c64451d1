import { faultText, type Header, HeaderReader, type MessageFault, parseHeader } from "../message/index.ts";
import { BodyHasher } from "./body-hasher.ts";
import { type FieldIndex, indexFields } from "./canonical-header.ts";
import { CORE_FIELDS } from "./covered-fields.ts";

/** A message after its one pass: the header whole, of the body only its hash. */
export interface ScannedMessage {
  readonly header: Header;
  readonly index: FieldIndex;
  /** SHA-256 of the canonical body; meaningless when there is a fault. */
  readonly bodyHashBase64: string;
  /** The first rule of MSG-2 that the message breaks (MSG-3). */
  readonly fault: MessageFault | null;
}

/** Reads a message once, in chunks of any size, in memory that does not grow with its body. */
export class MessageScanner {
  readonly #reader = new HeaderReader();
  #body: BodyHasher | null = null;
  #header: Header | null = null;
  #octets = 0;
  readonly #tap: ((canonical: Uint8Array) => void) | null;

  /** @param tap is given the canonical body as it is hashed; the array is only valid during the call */
  constructor(tap: ((canonical: Uint8Array) => void) | null = null) {
    this.#tap = tap;
  }

  /** Takes a chunk and returns the octets of it that belong to the body, for whoever keeps them. */
  write(chunk: Uint8Array): Uint8Array {
    const body = this.#body === null ? this.#reader.write(chunk) : chunk;
    this.#octets += chunk.length;
    if (body.length === 0) return body;
    this.#body ??= new BodyHasher(this.#octets - body.length, this.#tap);
    this.#body.write(body);
    return body;
  }

  /** The header is larger than any reader has to take: known before the message has ended. */
  get headerTooLarge(): boolean {
    return this.#reader.fault !== null;
  }

  /** The header, once it has ended: at the first octet of a body, or at the end of the message. */
  get header(): Header {
    this.#header ??= parseHeader(this.#reader.finish());
    return this.#header;
  }

  /** Whether the empty line behind the header has come (MSG-13). */
  get hasEmptyLine(): boolean {
    return this.#reader.hasEmptyLine;
  }

  finish(): ScannedMessage {
    const body = this.#body ?? new BodyHasher();
    const message = withHashedBody(this.header, body.finish());
    return { ...message, fault: this.#reader.fault ?? message.fault ?? body.fault };
  }
}

/** A message whose body was hashed apart from its header, such as one whose header was edited after it had come. */
export function withHashedBody(header: Header, bodyHashBase64: string): ScannedMessage {
  return { header, index: indexFields(header), bodyHashBase64, fault: header.fault };
}

/** A rule about the message as a whole that is broken, in a form for people; null when it may be signed. */
export interface StructureProblem {
  readonly reason: MessageFault["kind"] | "duplicate-field" | "no-from";
  readonly detail: string;
}

/** The line rules (MSG-2) and SIG-42: each core field at most once, From exactly once. */
export function structureProblem(message: ScannedMessage): StructureProblem | null {
  if (message.fault) return { reason: message.fault.kind, detail: faultText(message.fault) };
  for (const name of CORE_FIELDS) {
    const count = message.index.get(name)?.length ?? 0;
    if (count > 1)
      return { reason: "duplicate-field", detail: `${count} ${name} fields where one is allowed` };
  }
  if (!message.index.has("from")) return { reason: "no-from", detail: "no From field" };
  return null;
}
