// "vsmtp/nodemailer": has programs that send by nodemailer sign what they send. docs/library.md shows how.
/// <reference types="node" preserve="true" />

export type { ComposedMail, StreamPlugin } from "./composed-mail.ts";
export type { LogIn, SigningOptions } from "./signing-options.ts";
export { signing } from "./signing-plugin.ts";
export { SigningRefused } from "./signing-refused.ts";
export {
  type CopyToSend,
  type NextTransporter,
  type SentCopies,
  SigningTransport,
} from "./signing-transport.ts";
