import type { ReceivedMessage } from "../reception/index.ts";
import { reply } from "../smtp/index.ts";
import { type Refused, refusal } from "./refused.ts";
import type { SignedInPlace } from "./sign-in-place.ts";
import type { SignedSubmission } from "./submission-signing.ts";

const SIGNING_MS = 30_000;

/**
 * The vault may hang: then the client is told, and what is signed too late is thrown away. A large body is synced to the
 * disk meanwhile, and perhaps converted: it has a second more for each MiB.
 */
export async function withinDeadline<Outcome extends SignedSubmission | SignedInPlace>(
  signing: Promise<Outcome>,
  { bodyOctets }: Pick<ReceivedMessage, "bodyOctets">,
  signingMs = SIGNING_MS,
): Promise<Outcome | Refused> {
  const timeoutMs = signingMs + Math.ceil(bodyOctets / 1024);
  const late = Promise.withResolvers<Refused>();
  const timer = setTimeout(() => {
    const text = "Signing takes too long, so the message is not sent; try again later";
    late.resolve(refusal(reply(451, "4.4.3", text), new Error(`signing took more than ${timeoutMs} ms`)));
    void signing.then(forget, () => {});
  }, timeoutMs);
  try {
    return await Promise.race([signing, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function forget(result: SignedSubmission | SignedInPlace): Promise<void> {
  if (result.kind === "signed" && "content" in result) await result.content.file?.remove();
}
