const LINE_OCTETS = 57; // 76 characters
const CRLF = Buffer.from("\r\n");
const EMPTY = Buffer.alloc(0);

/** base64 in lines (RFC 2045 §6.8) of content in chunks of any size; there is no CRLF behind the last line. */
export class Base64Encoder {
  #held: Buffer = EMPTY;
  #isFirstLine = true;

  write(chunk: Uint8Array): Buffer {
    const octets = Buffer.concat([this.#held, chunk]);
    const whole = octets.length - (octets.length % LINE_OCTETS);
    this.#held = octets.subarray(whole);
    return this.#lines(octets.subarray(0, whole));
  }

  finish(): Buffer {
    return this.#lines(this.#held);
  }

  #lines(octets: Buffer): Buffer {
    const count = Math.ceil(octets.length / LINE_OCTETS);
    const out = Buffer.allocUnsafe(count * (CRLF.length + 76));
    let length = 0;
    for (let at = 0; at < octets.length; at += LINE_OCTETS) {
      if (!this.#isFirstLine) length += CRLF.copy(out, length);
      this.#isFirstLine = false;
      length += out.write(octets.toString("base64", at, at + LINE_OCTETS), length, "latin1");
    }
    return out.subarray(0, length);
  }
}
