import { type Address, encodeAddress } from "../message/index.ts";
import { type Reply, reply } from "../smtp/index.ts";
import { noUse, overLimit } from "./refusal-reply.ts";
import type { Denied, NoUse, Signed, Unavailable } from "./vault.ts";

/** A submission that is not signed, and so not sent (SUB-6). */
export interface Refused {
  readonly kind: "refused";
  readonly reply: Reply;
  /** For the log; null where the reply says it all. */
  readonly cause: unknown;
}

export function refusal(answer: Reply, cause: unknown = null): Refused {
  return { kind: "refused", reply: answer, cause };
}

export function refused(code: number, enhanced: string, text: string): Refused {
  return refusal(reply(code, enhanced, text));
}

export function malformed(detail: string): Refused {
  return refused(550, "5.6.0", `The message cannot be signed: ${detail}`);
}

export function unavailable(cause: unknown): Refused {
  const text = "The message cannot be signed now, so it is not sent; try again later";
  return refusal(reply(451, "4.4.3", text), cause);
}

/** Nobody was asserted. That this host may not is a mistake in its enrolment: no reason to send mail unsigned, or to lose it. */
export function notAsserted(answer: Denied | Unavailable): Refused {
  const lacksRight = () =>
    new Error("this host's enrolment lacks the right ASSERT: vsmtp enroll add … --assert");
  return unavailable(answer.kind === "denied" ? lacksRight() : answer.cause);
}

export function notUsed(answer: NoUse): Refused {
  return answer.kind === "unavailable" ? unavailable(answer.cause) : refusal(noUse(answer));
}

/** @param field where the address stands */
export function notIdentified(
  answer: NoUse | { readonly kind: "not-granted" },
  address: Address,
  field: "From" | "Sender",
): Refused {
  if (answer.kind !== "not-granted") return notUsed(answer);
  const text = `${encodeAddress(address)} in ${field} is neither your address nor granted to you`;
  return refused(550, "5.7.1", text);
}

/** @param now Unix milliseconds */
export function notSigned(answer: Exclude<Signed, { kind: "signed" }>, now: number): Refused | "replaced" {
  switch (answer.kind) {
    case "replaced":
      return "replaced";
    case "refused":
      return refused(550, "5.7.1", `The key server refuses to sign: ${answer.detail}`);
    case "malformed":
      return malformed(`the key server cannot read it: ${answer.detail}`);
    case "limited":
      return refusal(overLimit(answer, now));
    default:
      return notUsed(answer);
  }
}
