"use strict";

// Copies of a message, each with signatures for its own recipients, into Haraka's outbound queue.

const { unlink } = require("node:fs/promises");
const constants = require("haraka-constants");

/** The body of a message stream below another header; whoever pipes it gets that one. */
class OtherHeader {
  #stream;

  constructor(stream, header_list) {
    this.#stream = stream;
    this.headers = header_list;
  }

  get uuid() {
    return this.#stream.uuid;
  }

  get total_buffered() {
    return this.#stream.total_buffered;
  }

  get bytes_read() {
    return this.#stream.bytes_read;
  }

  pipe(destination, options) {
    this.#stream.headers = this.headers;
    return this.#stream.pipe(destination, options);
  }

  unpipe() {
    this.#stream.unpipe?.();
  }

  get_data(...args) {
    this.#stream.headers = this.headers;
    this.#stream.get_data(...args);
  }

  pause() {
    this.#stream.pause();
  }

  resume() {
    this.#stream.resume();
  }

  on(...args) {
    this.#stream.on(...args);
    return this;
  }

  once(...args) {
    this.#stream.once(...args);
    return this;
  }

  removeListener(...args) {
    this.#stream.removeListener(...args);
    return this;
  }

  /** The stream is the transaction's, which ends it. */
  destroy() {}
}

/** A transaction for some of the recipients; the body is shared, the header and the notes are its own. */
exports.copy_of = (plugin, transaction, number, { recipients, lines }) => {
  const { createTransaction } = plugin.haraka_require("transaction");
  const copy = createTransaction(`${transaction.uuid}.${number}`, transaction.cfg);
  copy.mail_from = transaction.mail_from;
  copy.rcpt_to = recipients;
  copy.encoding = transaction.encoding;
  copy.data_bytes = transaction.data_bytes;
  copy.found_hb_sep = true;
  copy.header.parse(lines);
  copy.reset_headers();
  // What a plugin notes of one copy, such as that it has signed it, is not true of the others.
  Object.assign(copy.notes, transaction.notes, { skip_plugins: [...transaction.notes.skip_plugins] });
  copy.message_stream = new OtherHeader(transaction.message_stream, copy.header.header_list);
  return copy;
};

/**
 * Queues all copies or none: the client is given one answer, and would send them all again.
 *
 * Haraka's `send_trans_email` writes a message's files and hands them to delivery in one go. Here it is called on an
 * object that is Haraka's outbound but for the step that writes a file, which is noted: delivery hears of the files of
 * all copies when the last of them is on the disk.
 *
 * @returns what to give to next()
 */
exports.queue_copies = async (plugin, copies) => {
  const outbound = plugin.haraka_require("outbound");
  const files = [];
  const items = [];
  const holding = Object.create(outbound, {
    process_delivery: { value: (_files, todo) => outbound.process_delivery(files, todo, items) },
  });
  for (const copy of copies) {
    const [code, message] = await new Promise((resolve) => {
      holding.send_trans_email(copy, (...answer) => resolve(answer));
    });
    if (code === constants.ok) continue;
    for (const file of files) await unlink(file).catch(() => {});
    return [constants.denysoft, `The message cannot be queued now: ${message}`];
  }
  for (const item of items) outbound.delivery_queue.push(item);
  return [constants.ok, "Message Queued"];
};
