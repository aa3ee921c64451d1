import type { Reply } from "../smtp/index.ts";

/** A message could not be signed, and so nothing of it was sent (SUB-6). */
export class SigningRefused extends Error {
  override readonly name = "SigningRefused";
  /** As nodemailer's own errors have it; in the middle of a transport it becomes ESTREAM. */
  readonly code: string = "ESIGN";
  /** What a submission server would have replied: below 500 it may be signed later, as it is. */
  readonly responseCode: number;

  constructor({ code, enhanced, text }: Reply, cause: unknown) {
    super(`${code} ${enhanced} ${typeof text === "string" ? text : text.join(" ")}`, { cause });
    this.responseCode = code;
  }
}
