import { randomInt } from "node:crypto";
import { messageIdTime } from "../../queue/index.ts";

// The index of terms is in parts: of 17 minutes each, and where much is written in less. A batch touches few pages of a small
// part, where it would touch one for each term of a large index; and what is old is the beginning of the index.

/** A month has 2500 of them. */
const TIME_MS = 2 ** 20;
/** Parts of one time at most; many hosts may share one. */
const SHARES = 4096;
/** Messages in a part: some 400 KiB. */
const MESSAGES = 1000;

/** The first part of a message's time. All messages of earlier ones are older. */
export function firstPartAt(time: number): number {
  return Math.floor(time / TIME_MS) * SHARES;
}

/** The same of a message, by its id. */
export function firstPartOf(id: string): number {
  return firstPartAt(messageIdTime(id) ?? 0);
}

export function isOfSameTime(part: number, other: number): boolean {
  return Math.floor(part / SHARES) === Math.floor(other / SHARES);
}

/** The first part of the time after. */
export function partAfter(firstPart: number): number {
  return firstPart + SHARES;
}

/** Which share of its time's parts a writer writes to. */
export class Share {
  #share = randomInt(SHARES);
  #messages = 0;

  /** @returns the part for a message */
  of(id: string): number {
    return firstPartOf(id) + this.#share;
  }

  /** So many more were written. */
  count(messages: number): void {
    this.#messages += messages;
    if (this.#messages < MESSAGES) return;
    this.#messages = 0;
    this.#share = (this.#share + 1) % SHARES;
  }
}
