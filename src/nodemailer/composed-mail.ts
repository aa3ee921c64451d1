import type { Readable } from "node:stream";

// What is used of nodemailer, in its own words and without its types: those of versions 6 to 10 fit, whoever wrote them.

export interface Envelope {
  /** False: the null sender. */
  readonly from: string | false;
  readonly to: readonly string[];
}

/** A message that nodemailer has composed, as plugins and transports get it. */
export interface ComposedMail {
  /** What was given to `sendMail`. */
  readonly data: object;
  readonly message: {
    getEnvelope(): Envelope;
    messageId(): string;
    createReadStream(): Readable;
    /** Has what is read of the message go through a function. */
    processFunc(process: (written: Readable) => Readable): void;
  };
}

/** A plugin for `transporter.use("stream", …)`. */
export type StreamPlugin = (mail: ComposedMail, done: (error?: Error | null) => void) => void;
