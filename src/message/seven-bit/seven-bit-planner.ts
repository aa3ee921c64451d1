import { isAscii } from "node:buffer";
import { type Header, parseHeader } from "../header.ts";
import { delimiterKind, delimitersClash } from "./delimiter-line.ts";
import { EditList, type Entity } from "./edit-list.ts";
import { LineMeter } from "./line-meter.ts";
import { readMimeHeader } from "./mime-header.ts";
import type { Next, PartHandler } from "./part-reader.ts";
import type { EightBitScan } from "./seven-bit-plan.ts";

/** What is nested deeper is left as it is. */
const MAX_DEPTH = 50;

/** How often a line may be compared with a delimiter: a body of such lines, within many multiparts, would take minutes. */
const MAX_LOOKS = 1 << 20;

/** What transport must be able to carry; a set of bits. */
const EIGHT_BIT = 1;
const BINARY = 2;

/** A multipart, or an attached message, whose end has not come yet. */
interface Container {
  readonly entity: Entity;
  /** "--" and the boundary; null for an attached message. */
  readonly delimiter: Buffer | null;
  readonly isDigest: boolean;
  /** How many edits there were before it. */
  readonly firstEdit: number;
  /** The attached message's own header. */
  message: Entity | null;
  /** A signature in a header covers what is inside. */
  isSigned: boolean;
  /** Its close delimiter has come. */
  isClosed: boolean;
  /** Readers would disagree on where its parts begin and end. */
  isAmbiguous: boolean;
  /** Of what is inside, as it came and after the edits. */
  needsBefore: number;
  needsAfter: number;
}

/** Octets that are encoded, or left, together. */
interface Region {
  /** The leaf whose content it is; null for what belongs to no leaf. */
  readonly leaf: Entity | null;
  readonly isEncodable: boolean;
  readonly start: number;
  /** Octets over 127. */
  eightBitOctets: number;
  readonly lines: LineMeter;
}

/** Decides what of a message becomes 7-bit, and gets shorter lines, part by part. */
export class SevenBitPlanner implements PartHandler {
  readonly #root: Entity;
  readonly #containers: Container[] = [];
  readonly #edits = new EditList();
  #region: Region | null = null;
  #openMultiparts = 0;
  #looks = 0;
  #needsBefore = 0;
  #needsAfter = 0;
  #hasLongLines = false;
  /** What the body begins with. */
  readonly first: Next;

  constructor(header: Header) {
    this.#root = { mime: readMimeHeader(header, false), start: null };
    this.first = this.#open(this.#root, 0);
  }

  get hasOpenMultipart(): boolean {
    return this.#openMultiparts > 0 && !this.#edits.hasOverflown;
  }

  header(octets: Buffer | null, start: number, bodyStart: number): Next {
    if (octets === null) return this.#beginRegion(null, false, start);
    if (!isAscii(octets)) this.#require(EIGHT_BIT, EIGHT_BIT);
    const container = this.#containers.at(-1);
    const mime = readMimeHeader(parseHeader(octets), container?.isDigest === true);
    const entity = { mime, start };
    if (container?.delimiter === null) {
      container.message = entity;
      container.isSigned ||= mime.isSigned;
    }
    return this.#open(entity, bodyStart);
  }

  content(octets: Buffer): void {
    if (this.#region === null) return;
    if (!isAscii(octets)) this.#region.eightBitOctets += countEightBit(octets);
    if (this.#region.isEncodable) this.#region.lines.write(octets);
  }

  dashLine(line: Buffer, contentEnd: number, after: number): Next | null {
    this.#looks += this.#containers.length;
    if (this.#looks > MAX_LOOKS) this.#edits.hasOverflown = true;
    if (this.#edits.hasOverflown) return null;
    for (let depth = this.#containers.length - 1; depth >= 0; depth--) {
      const container = this.#containers[depth] as Container;
      const kind = container.delimiter === null ? "none" : delimiterKind(line, container.delimiter);
      if (kind === "none") continue;
      if (kind === "ambiguous" || container.isClosed) {
        container.isAmbiguous = true;
        continue;
      }
      this.#endRegion(contentEnd, false);
      while (this.#containers.length > depth + 1) this.#endContainer();
      if (kind === "separator") return "header";
      container.isClosed = true;
      return this.#beginRegion(null, false, after);
    }
    return null;
  }

  finish(bodyOctets: number): EightBitScan {
    this.#endRegion(bodyOctets, true);
    while (this.#containers.length > 0) this.#endContainer();
    if (this.#edits.count > 0 && !this.#root.mime.hasMimeVersion) this.#edits.addMimeVersion(this.#root);
    const needs = this.#edits.hasOverflown ? this.#needsBefore : this.#needsAfter;
    return {
      plan: this.#edits.plan(bodyOctets),
      hasLongLines: this.#hasLongLines,
      staysEightBit: (needs & EIGHT_BIT) !== 0,
    };
  }

  #open(entity: Entity, bodyStart: number): Next {
    const { body, encoding } = entity.mime;
    const isSigned = this.#containers.at(-1)?.isSigned ?? this.#root.mime.isSigned;
    if (this.#containers.length < MAX_DEPTH) {
      if (body.kind === "message") {
        this.#push(entity, null, false, isSigned);
        return "header";
      }
      if (body.kind === "multipart") {
        const delimiter = Buffer.from(`--${body.boundary}`, "latin1");
        if (this.#isUnlikeOpenOnes(delimiter)) {
          this.#push(entity, delimiter, body.isDigest, isSigned);
          this.#openMultiparts++;
          return this.#beginRegion(null, false, bodyStart);
        }
      }
    }
    // A signature would not survive that it is re-encoded; but `binary` has to go in any case (MSG-17).
    const isEncodable = body.kind === "leaf" && (!isSigned || encoding === "binary");
    return this.#beginRegion(entity, isEncodable, bodyStart);
  }

  #isUnlikeOpenOnes(delimiter: Buffer): boolean {
    const alike = this.#containers.filter(
      (container) => container.delimiter !== null && delimitersClash(container.delimiter, delimiter),
    );
    for (const container of alike) container.isAmbiguous = true;
    return alike.length === 0;
  }

  #push(entity: Entity, delimiter: Buffer | null, isDigest: boolean, isSigned: boolean): void {
    this.#containers.push({
      entity,
      delimiter,
      isDigest,
      isSigned,
      firstEdit: this.#edits.count,
      message: null,
      isClosed: false,
      isAmbiguous: false,
      needsBefore: 0,
      needsAfter: 0,
    });
  }

  #beginRegion(leaf: Entity | null, isEncodable: boolean, start: number): Next {
    this.#region = { leaf, isEncodable, start, eightBitOctets: 0, lines: new LineMeter() };
    return "content";
  }

  #endRegion(end: number, isLast: boolean): void {
    if (this.#region === null) return;
    const { leaf, isEncodable, start, eightBitOctets, lines } = this.#region;
    this.#region = null;
    const needs = (eightBitOctets > 0 ? EIGHT_BIT : 0) | binaryNeed(leaf);
    const isEncoded = leaf !== null && isEncodable && (needs !== 0 || lines.isLong);
    this.#hasLongLines ||= lines.isLong;
    this.#require(needs, isEncoded ? 0 : needs);
    if (!isEncoded) return;
    const { body } = leaf.mime;
    const isMostlyAscii = eightBitOctets * 6 <= end - start;
    const encoding = body.kind === "leaf" && body.isText && isMostlyAscii ? "quoted-printable" : "base64";
    this.#edits.label(leaf, encoding);
    this.#edits.encode(start, end, encoding, isLast);
  }

  #endContainer(): void {
    const container = this.#containers.pop();
    if (container === undefined) return;
    const { entity, delimiter, firstEdit, message, isClosed, isAmbiguous } = container;
    if (delimiter !== null) this.#openMultiparts--;
    const needsBefore = container.needsBefore | binaryNeed(entity);
    if (delimiter !== null && (!isClosed || isAmbiguous)) {
      this.#edits.truncate(firstEdit);
      this.#require(needsBefore, needsBefore);
      return;
    }
    const isEdited = this.#edits.count > firstEdit;
    if (isEdited && message?.mime.hasMimeVersion === false) this.#edits.addMimeVersion(message);
    this.#require(needsBefore, container.needsAfter);
    this.#relabel(entity, container.needsAfter, isEdited);
  }

  /** What encloses parts must be labelled for what is in them, and not higher (RFC 2045 §6.4). */
  #relabel(entity: Entity, needs: number, isEdited: boolean): void {
    const { encoding } = entity.mime;
    if ((needs & BINARY) !== 0) return;
    const fitting = (needs & EIGHT_BIT) !== 0 ? "8bit" : "7bit";
    if (encoding === "binary" || (encoding === "8bit" && fitting === "7bit" && isEdited)) {
      this.#edits.label(entity, fitting);
    }
  }

  #require(before: number, after: number): void {
    const container = this.#containers.at(-1);
    if (container === undefined) {
      this.#needsBefore |= before;
      this.#needsAfter |= after;
    } else {
      container.needsBefore |= before;
      container.needsAfter |= after;
    }
  }
}

function binaryNeed(entity: Entity | null): number {
  return entity?.mime.encoding === "binary" ? BINARY : 0;
}

function countEightBit(octets: Buffer): number {
  let count = 0;
  for (let at = 0; at < octets.length; at++) count += (octets[at] as number) >> 7;
  return count;
}
