import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Messages that others wrote, kept beside the checkout. */
const folder = process.env.VSMTP_CORPUS ?? join(import.meta.dirname, "../../../shared/corpus");

export interface CorpusMessage {
  /** Path in the corpus. */
  readonly name: string;
  /** With CRLF line ends, as a mail client hands it in. */
  readonly octets: Buffer;
}

/** The reason to skip when there is no corpus; false when there is. */
export function missingCorpus(): string | false {
  return existsSync(folder)
    ? false
    : `no corpus: ${folder} is not there (VSMTP_CORPUS can name another folder)`;
}

/**
 * Every message of the corpus. Some files are mailboxes of one message: their first line, "From " with a date, is
 * the mailbox's and not the message's. They come twice, as they stand and without that line.
 */
export function readCorpus(): CorpusMessage[] {
  const messages: CorpusMessage[] = [];
  for (const name of globSync("**/*.{eml,msg}", { cwd: folder }).sort()) {
    const octets = withCrlf(readFileSync(join(folder, name)));
    messages.push({ name, octets });
    if (!octets.toString("latin1", 0, 5).startsWith("From ")) continue;
    messages.push({ name: `${name} (the message)`, octets: octets.subarray(octets.indexOf("\r\n") + 2) });
  }
  return messages;
}

/** A line ends with LF or CRLF in a file; a CR anywhere else is part of the message, and stays. */
function withCrlf(octets: Buffer): Buffer {
  return Buffer.from(octets.toString("latin1").replace(/\r?\n/g, "\r\n"), "latin1");
}
