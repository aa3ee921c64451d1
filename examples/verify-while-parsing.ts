import { Readable } from "node:stream";
import { type ParsedMail, simpleParser } from "mailparser";
import { judge, type KeySource, MessageVerifier, type Verdict } from "vsmtp";

/** Parses a message with mailparser and verifies it, both out of one stream. */
export async function parseAndVerify(
  message: AsyncIterable<Uint8Array>,
  keys: KeySource,
): Promise<{ readonly mail: ParsedMail; readonly verdict: Verdict }> {
  const verifier = new MessageVerifier();
  async function* seen(): AsyncGenerator<Uint8Array> {
    for await (const chunk of message) {
      verifier.write(chunk);
      yield chunk;
    }
  }
  const mail = await simpleParser(Readable.from(seen(), { objectMode: false }));
  const now = Math.floor(Date.now() / 1000);
  return { mail, verdict: await judge(verifier.finish(), { now, keys }) };
}
