import { PassThrough, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Envelope, StreamPlugin } from "./composed-mail.ts";
import { Signatory } from "./signatory.ts";
import type { SigningOptions } from "./signing-options.ts";

/**
 * A plugin that signs what a transporter sends: `transporter.use("stream", signing({ login }))`.
 *
 * One signature for all recipients, bound to those whom To and Cc name; a blind one is not named in it, and his copy says
 * that it was addressed to others, unless he is the only one. `SigningTransport` sends copies instead. nodemailer's own DKIM
 * signs afterwards, and a message that cannot be signed fails with `SigningRefused` before any of it is sent (SUB-6).
 */
export function signing(options: SigningOptions): StreamPlugin {
  const signatory = new Signatory(options);
  return (mail, done) => {
    mail.message.processFunc((written) => {
      const output = new PassThrough();
      // Begins before anybody reads, so that what fails can fail before the server is asked.
      pipeline(signed(signatory, written, mail.message.getEnvelope()), output).catch(() => {
        // The reader of the output is told.
      });
      return output;
    });
    done();
  };
}

async function* signed(
  signatory: Signatory,
  written: Readable,
  envelope: Envelope,
): AsyncGenerator<Uint8Array> {
  const mail = await signatory.sign(written, envelope, "one");
  try {
    for (const copy of mail.copies) yield* copy.octets();
  } finally {
    await mail.discard();
  }
}
