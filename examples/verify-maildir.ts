import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { crlfLines, judge, type KeySource, MessageVerifier, type Verdict } from "vsmtp";

/** Verifies all mail of a Maildir as of its arrival, with what key servers say of the keys today. */
export async function* verifyMaildir(
  maildir: string,
  keys: KeySource,
): AsyncGenerator<{ readonly file: string; readonly verdict: Verdict }> {
  const today: KeySource = {
    lookUp: (query) => keys.lookUp({ ...query, now: Math.floor(Date.now() / 1000) }),
  };
  for (const folder of ["new", "cur"]) {
    for (const name of await readdir(join(maildir, folder))) {
      const file = join(maildir, folder, name);
      const verifier = new MessageVerifier();
      // Most programs that deliver leave LF of each CRLF.
      for await (const chunk of crlfLines(createReadStream(file))) verifier.write(chunk);
      const arrived = Math.floor((await stat(file)).mtimeMs / 1000);
      yield { file, verdict: await judge(verifier.finish(), { now: arrived, keys: today }) };
    }
  }
}
