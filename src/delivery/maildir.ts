import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface MaildirMessage {
  /** Unique among all messages, and the same when a delivery is repeated: it then replaces itself. */
  readonly name: string;
  /** The octets in order. */
  readonly pieces: readonly Uint8Array[];
  /** Goes into the folder for suspicious mail, `.Junk` (ACT-1). */
  readonly quarantined: boolean;
}

/**
 * Puts a message into a Maildir, durable when this resolves: written and synced under `tmp/`, then renamed into
 * `new/`, then the directory synced, so that a reader never sees a part and a crash loses nothing. Folders that lack
 * are made. The octets stay as they are, CRLF included: what was signed can be verified again from the file.
 *
 * Rejects with the system's error when the file system refuses; nothing is then in `new/`.
 */
export async function storeInMaildir(maildir: string, message: MaildirMessage): Promise<void> {
  const folder = message.quarantined ? join(maildir, ".Junk") : maildir;
  // Two deliveries of one message at a time (a lease that ran out) must not write into one file.
  const temporary = join(folder, "tmp", `${message.name}.${randomUUID()}`);
  try {
    await write(temporary, message.pieces);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    await makeFolder(folder, message.quarantined);
    await write(temporary, message.pieces);
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

async function write(path: string, pieces: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writev(pieces);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function makeFolder(folder: string, subfolder: boolean): Promise<void> {
  for (const name of ["tmp", "new", "cur"]) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
  // Maildir++: tells programs that this is a folder and not a mailbox of its own.
  if (subfolder) await writeFile(join(folder, "maildirfolder"), "", { mode: 0o600 });
  await sync(folder);
}

async function sync(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
