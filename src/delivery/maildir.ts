import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** So much is gathered for one write. */
const atATimeOctets = 256 << 10;

export interface MaildirMessage {
  /** Unique among all messages, and the same when a delivery is repeated: it then replaces itself. */
  readonly name: string;
  /** The octets in order, from the beginning at each call. */
  readonly pieces: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Goes into the folder for suspicious mail, `.Junk` (ACT-1). */
  readonly suspicious: boolean;
  /** It may have been delivered before: where its reader has put it into `cur/` already, that is the delivery. */
  readonly repeated: boolean;
}

/**
 * Puts a message into a Maildir, durable when this resolves: written and synced under `tmp/`, then renamed into
 * `new/`, then the directory synced, so that a reader never sees a part and a crash loses nothing. Folders that lack
 * are made. The octets stay as they are, CRLF included: what was signed can be verified again from the file.
 *
 * Rejects with the system's error when the file system refuses; nothing is then in `new/`.
 */
export async function storeInMaildir(maildir: string, message: MaildirMessage): Promise<void> {
  const folder = message.suspicious ? join(maildir, ".Junk") : maildir;
  if (message.repeated && (await wasRead(folder, message.name))) return;
  // Two deliveries of one message at a time (a lease that ran out) must not write into one file.
  const temporary = join(folder, "tmp", `${message.name}.${randomUUID()}`);
  try {
    await write(temporary, message.pieces());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    await makeFolder(folder, message.suspicious);
    await write(temporary, message.pieces());
  }
  const target = join(folder, "new");
  try {
    await rename(temporary, join(target, message.name));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await sync(target);
}

/** A reader moves what it has seen, and adds flags to the name. */
async function wasRead(folder: string, name: string): Promise<boolean> {
  try {
    return (await readdir(join(folder, "cur"))).some(
      (entry) => entry === name || entry.startsWith(`${name}:`),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

async function write(path: string, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    let held: Uint8Array[] = [];
    let octets = 0;
    for await (const piece of pieces) {
      held.push(piece);
      octets += piece.length;
      if (octets < atATimeOctets) continue;
      await file.appendFile(Buffer.concat(held));
      held = [];
      octets = 0;
    }
    if (octets > 0) await file.appendFile(Buffer.concat(held));
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function makeFolder(folder: string, subfolder: boolean): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of ["tmp", "new", "cur"]) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
  // Maildir++: tells programs that this is a folder and not a mailbox of its own.
  if (subfolder) await writeFile(join(folder, "maildirfolder"), "", { mode: 0o600 });
  await sync(folder);
  // The entries of all folders that are new, or a crash takes the mailbox and what is in it.
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await sync(dirname(made));
}

async function sync(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
