import type { SignedSubmission } from "../signing/index.ts";
import { reply } from "../smtp/index.ts";

/** The vault may hang: then the client is told, and what is signed too late is thrown away. */
export async function withinDeadline(
  signing: Promise<SignedSubmission>,
  timeoutMs: number,
): Promise<SignedSubmission> {
  const late = Promise.withResolvers<SignedSubmission>();
  const timer = setTimeout(() => {
    const text = "Signing takes too long, so the message is not sent; try again later";
    const cause = new Error(`signing took more than ${timeoutMs} ms`);
    late.resolve({ kind: "refused", reply: reply(451, "4.4.3", text), cause });
    void signing.then(forget, () => {});
  }, timeoutMs);
  try {
    return await Promise.race([signing, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function forget(result: SignedSubmission): Promise<void> {
  if (result.kind === "signed") await result.content.file?.remove();
}
