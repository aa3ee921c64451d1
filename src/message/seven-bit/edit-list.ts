import type { MimeHeader } from "./mime-header.ts";
import type { BodyEncoding, Edit, SevenBitPlan } from "./seven-bit-plan.ts";

/** A header, and where in the body it begins: null for the message's own. */
export interface Entity {
  readonly mime: MimeHeader;
  readonly start: number | null;
}

/** Bounds what a plan takes, to some megabytes. A message of more 8-bit parts is none that people read. */
const MAX_EDITS = 20_000;
const MIME_VERSION = Buffer.from("MIME-Version: 1.0\r\n");

/** Edits as they become known, which is at the end of what they are about. */
export class EditList {
  readonly #header: Edit[] = [];
  readonly #body: Edit[] = [];
  hasOverflown = false;

  get count(): number {
    return this.#header.length + this.#body.length;
  }

  encode(start: number, end: number, encoding: BodyEncoding, isLast: boolean): void {
    this.#add(this.#body, { start, end, encoding, isLast });
  }

  /** Sets Content-Transfer-Encoding. */
  label({ mime, start }: Entity, encoding: BodyEncoding | "7bit" | "8bit"): void {
    const replacement = Buffer.from(`Content-Transfer-Encoding: ${encoding}\r\n`);
    const { encodingField: field } = mime;
    if (field === null) this.#append({ mime, start }, replacement);
    else {
      const base = start ?? 0;
      this.#add(this.#listOf(start), { start: base + field.start, end: base + field.end, replacement });
    }
  }

  addMimeVersion(entity: Entity): void {
    this.#append(entity, MIME_VERSION);
  }

  /** Forgets the latest edits of the body. */
  truncate(count: number): void {
    this.#body.length = Math.min(this.#body.length, count);
  }

  /** Null without edits, or with too many. */
  plan(bodyOctets: number): SevenBitPlan | null {
    if (this.count === 0 || this.hasOverflown) return null;
    // Stable: what is added to a header stays in its order.
    const bodyEdits = this.#body.toSorted((one, other) => one.start - other.start);
    return { headerEdits: this.#header, bodyEdits, bodyOctets };
  }

  #append({ mime, start }: Entity, replacement: Buffer): void {
    const at = (start ?? 0) + mime.header.octets.length;
    this.#add(this.#listOf(start), { start: at, end: at, replacement });
  }

  #listOf(start: number | null): Edit[] {
    return start === null ? this.#header : this.#body;
  }

  #add(list: Edit[], edit: Edit): void {
    if (list.length < MAX_EDITS) list.push(edit);
    else this.hasOverflown = true;
  }
}
