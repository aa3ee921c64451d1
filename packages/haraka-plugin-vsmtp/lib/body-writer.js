"use strict";

// A body that takes another one's place, such as one that was converted to 7 bits.

const { setImmediate: next_turn } = require("node:timers/promises");

/** So much waits for Haraka's spool before whoever writes waits, too. */
const BEHIND_OCTETS = 1 << 20;
const LF = 10;

/** Writes a body into a message stream of Haraka's, as if it came by SMTP: line by line, dots doubled. */
exports.BodyWriter = class BodyWriter {
  #stream;
  #rest = Buffer.alloc(0);
  #octets = 0;
  #failure = null;

  /** @param transaction whose header the body gets */
  constructor(transaction) {
    const MessageStream = transaction.message_stream.constructor;
    // Its spool file must not be that of the body before.
    const id = `${transaction.uuid}-7bit`;
    this.#stream = new MessageStream(transaction.cfg, id, transaction.header.header_list);
    this.#stream.on("error", (error) => {
      this.#failure ??= error;
    });
    this.#stream.add_line(Buffer.from("\r\n"));
  }

  get stream() {
    return this.#stream;
  }

  async write(chunk) {
    this.#octets += chunk.length;
    let from = 0;
    const octets = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    for (let at = octets.indexOf(LF); at >= 0; at = octets.indexOf(LF, from)) {
      this.#add(octets.subarray(from, at + 1));
      from = at + 1;
    }
    this.#rest = octets.subarray(from);
    while (this.#stream.spooling && this.#stream.buffered > BEHIND_OCTETS && this.#failure === null) {
      await next_turn();
    }
    if (this.#failure !== null) throw this.#failure;
  }

  /** @returns what was written, in name only: it is in the stream */
  async finish() {
    if (this.#rest.length > 0) this.#add(Buffer.concat([this.#rest, Buffer.from("\r\n")]));
    const ended = Promise.withResolvers();
    this.#stream.once("error", ended.reject);
    this.#stream.add_line_end(ended.resolve);
    if (this.#failure !== null) throw this.#failure;
    await ended.promise;
    return { octets: this.#octets, memory: null, file: null, read: () => [] };
  }

  async discard() {
    this.#stream.destroy();
  }

  #add(line) {
    this.#stream.add_line(line[0] === 0x2e ? Buffer.concat([Buffer.from("."), line]) : line);
  }
};
