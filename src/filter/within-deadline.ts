import type { SignedInPlace } from "../signing/index.ts";
import { reply } from "../smtp/index.ts";

/** The vault may hang: then the mail server is told, and what is signed too late is thrown away. */
export async function withinDeadline(
  signing: Promise<SignedInPlace>,
  timeoutMs: number,
): Promise<SignedInPlace> {
  const late = Promise.withResolvers<SignedInPlace>();
  const timer = setTimeout(() => {
    const text = "Signing takes too long, so the message is not sent; try again later";
    const cause = new Error(`signing took more than ${timeoutMs} ms`);
    late.resolve({ kind: "refused", reply: reply(451, "4.4.3", text), cause });
    signing.catch(() => {});
  }, timeoutMs);
  try {
    return await Promise.race([signing, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
