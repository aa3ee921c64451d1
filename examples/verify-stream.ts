import { judge, type KeySource, MessageVerifier, parseAddress, type Verdict } from "vsmtp";

/** Verifies a message as it comes, in memory that does not grow with it. Its lines end in CRLF, as on the wire. */
export async function verifyStream(
  message: AsyncIterable<Uint8Array>,
  recipients: readonly string[],
  keys: KeySource,
): Promise<Verdict> {
  const verifier = new MessageVerifier();
  for await (const chunk of message) verifier.write(chunk);
  const addresses = recipients.map((text) => parseAddress(text));
  return judge(verifier.finish(), {
    now: Math.floor(Date.now() / 1000),
    recipients: addresses.map((parsed) => (parsed.ok ? parsed.address : null)),
    keys,
  });
}
