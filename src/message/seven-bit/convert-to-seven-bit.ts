import type { Header } from "../header.ts";
import type { HeaderEdit } from "../header-edits.ts";
import { Base64Encoder } from "./base64-encoder.ts";
import { QuotedPrintableEncoder } from "./quoted-printable-encoder.ts";
import type { Edit, SevenBitPlan } from "./seven-bit-plan.ts";

/** Bounds what a large chunk is turned into at once. */
const MAX_SLICE_OCTETS = 1 << 16;

/**
 * Carries out what an EightBitScanner planned (MSG-16, MSG-17). What is signed must be what comes out (MSG-15).
 *
 * @param header the one that the scanner got
 * @param body read to its end once; chunks of the result may be parts of its chunks
 * @throws RangeError while the result is read, when the body is not as long as the one that was scanned
 */
export function convertToSevenBit(
  plan: SevenBitPlan,
  header: Header,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): { edits: HeaderEdit[]; body: AsyncIterable<Uint8Array> } {
  return { edits: headerEdits(plan, header), body: convertBody(plan, body) };
}

/** Fields that the header lacks go above all others, where a milter can put them as well. */
function headerEdits(plan: SevenBitPlan, { fields }: Header): HeaderEdit[] {
  const added: Buffer[] = [];
  const edits: HeaderEdit[] = [];
  for (const edit of plan.headerEdits) {
    if (!("replacement" in edit)) continue;
    const { start, end, replacement } = edit;
    const field = start === end ? undefined : fields.find((one) => one.start === start && one.end === end);
    if (field === undefined) added.push(replacement);
    else edits.push({ kind: "replace", field, value: replacement.subarray(replacement.indexOf(":") + 1) });
  }
  if (added.length > 0) edits.push({ kind: "prepend", octets: Buffer.concat(added) });
  return edits;
}

async function* convertBody(
  plan: SevenBitPlan,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  const editor = new Editor(plan.bodyEdits);
  let octets = 0;
  for await (const chunk of body) {
    octets += chunk.length;
    for (let at = 0; at < chunk.length; at += MAX_SLICE_OCTETS) {
      yield* joined(editor.write(chunk.subarray(at, at + MAX_SLICE_OCTETS)));
    }
  }
  if (octets !== plan.bodyOctets) {
    throw new RangeError(
      `a body of ${octets} octets cannot be edited as the one of ${plan.bodyOctets} was to be`,
    );
  }
  yield* joined(editor.finish());
}

/** A message of many small parts shall not become chunks as small. */
function joined(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  const [first, ...others] = pieces;
  if (first === undefined) return [];
  return others.length === 0 ? [first] : [Buffer.concat(pieces)];
}

const CRLF = Buffer.from("\r\n");

/** Edits octets as they pass. */
class Editor {
  readonly #edits: readonly Edit[];
  #nextEdit = 0;
  #offset = 0;
  #encoder: QuotedPrintableEncoder | Base64Encoder | null = null;

  constructor(edits: readonly Edit[]) {
    this.#edits = edits;
  }

  write(octets: Uint8Array): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let rest = octets;
    while (rest.length > 0) {
      const edit = this.#edits[this.#nextEdit];
      const until = edit === undefined ? Infinity : this.#offset < edit.start ? edit.start : edit.end;
      const length = Math.min(until - this.#offset, rest.length);
      const piece = rest.subarray(0, length);
      if (edit === undefined || this.#offset < edit.start) {
        if (length > 0) pieces.push(piece);
      } else if ("encoding" in edit) {
        this.#encoder ??= edit.encoding === "base64" ? new Base64Encoder() : new QuotedPrintableEncoder();
        pieces.push(this.#encoder.write(piece));
      }
      rest = rest.subarray(length);
      this.#offset += length;
      if (edit !== undefined && this.#offset === edit.end) pieces.push(...this.#end(edit));
    }
    return pieces.filter((piece) => piece.length > 0);
  }

  /** Edits behind the last octet. */
  finish(): Uint8Array[] {
    return this.#edits.slice(this.#nextEdit).flatMap((edit) => this.#end(edit));
  }

  #end(edit: Edit): Uint8Array[] {
    this.#nextEdit++;
    if ("replacement" in edit) return [edit.replacement];
    const last = this.#encoder?.finish();
    this.#encoder = null;
    if (last === undefined) return [];
    return edit.encoding === "base64" && edit.isLast ? [last, CRLF] : [last];
  }
}
