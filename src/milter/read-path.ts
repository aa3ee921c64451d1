import type { MilterPath } from "./handler.ts";
import { DataReader } from "./packet.ts";

/** Reads the data of MAIL and RCPT: the address as the client wrote it, and its parameters. Null where they do not end. */
export function readPath(data: Buffer): MilterPath | null {
  const [path, ...parameters] = new DataReader(data).texts() ?? [];
  if (path === undefined) return null;
  const bare = path.trim();
  const address = bare.startsWith("<") && bare.endsWith(">") ? bare.slice(1, -1) : bare;
  return { address, parameters };
}
