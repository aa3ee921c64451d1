import { once } from "node:events";

/** Writes to standard output, and waits while its reader is behind: what is printed may be larger than memory. */
export async function writeOut(data: string | Uint8Array): Promise<void> {
  if (data.length > 0 && !process.stdout.write(data)) await once(process.stdout, "drain");
}
