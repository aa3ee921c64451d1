"use strict";

// The message of a Haraka transaction: read as Haraka passes it on, and changed where Haraka will read it.

const { PassThrough } = require("node:stream");
const { applyEdits, parseHeader } = require("vsmtp");

/** Larger ones Haraka cannot pass on either; VSMTP reads no more. */
const MAX_HEADER_OCTETS = 1 << 20;
const PIECE_OCTETS = 128 << 10;

/**
 * The message that a transaction holds, which can be read again and again. Haraka's stream has one reader at a time: who
 * reads while somebody else does waits for him.
 */
exports.KeptMessage = class KeptMessage {
  #stream;
  #last = Promise.resolve();

  constructor(stream) {
    this.#stream = stream;
  }

  /** So Haraka's stream could not even be read. */
  get header_too_large() {
    return (this.#stream.idx?.headers?.end ?? 0) > MAX_HEADER_OCTETS;
  }

  /** The whole message as it will be sent, without dot-stuffing; throws what Haraka's stream fails with. */
  async *read() {
    const before = this.#last;
    const turn = Promise.withResolvers();
    this.#last = turn.promise;
    const options = { writableHighWaterMark: PIECE_OCTETS, readableHighWaterMark: PIECE_OCTETS };
    const out = new PassThrough(options);
    const fail = (error) => void out.destroy(error);
    await before;
    this.#stream.on("error", fail);
    try {
      this.#stream.pipe(out, { line_endings: "\r\n" });
      yield* out;
    } finally {
      // See haraka/message-stream#22: a pipe that was not read to its end would be in the way of the next one.
      this.#stream.unpipe?.();
      this.#stream.removeListener("error", fail);
      turn.resolve();
    }
  }
};

/** A header as Haraka has it: a string for each field, with LF. */
exports.lines_of = (octets) => {
  const { fields } = parseHeader(octets);
  const header = Buffer.from(octets);
  return fields.map(({ start, end }) => header.toString("utf8", start, end).replaceAll("\r\n", "\n"));
};

/** Puts other fields in the place of a transaction's header; the message stream shares the list. */
exports.set_header = (transaction, lines) => {
  const { header } = transaction;
  header.headers = Object.create(null);
  header.headers_decoded = Object.create(null);
  header.header_list.length = 0;
  header.parse(lines);
  transaction.reset_headers();
};

/** Carries edits out; `header` is what they were made for, read from this transaction. */
exports.edit_header = (transaction, header, edits) => {
  if (edits.length > 0) exports.set_header(transaction, exports.lines_of(applyEdits(header, edits)));
};
