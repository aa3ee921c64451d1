import type { AuditHead } from "../../keyring/index.ts";
import { UsageError } from "../usage-error.ts";

/** Where the log stood, to be noted elsewhere: `NUMBER:HEX`. */
export function headText({ sequence, chain }: AuditHead): string {
  return `${sequence}:${Buffer.from(chain).toString("hex")}`;
}

export function parseHead(text: string): AuditHead {
  const match = /^(\d{1,15}):([0-9a-f]{64})$/i.exec(text.trim());
  if (!match) throw new UsageError(`"${text}" is no head of the log: NUMBER:64 hexadecimal digits`);
  return { sequence: Number(match[1]), chain: Buffer.from(match[2] ?? "", "hex") };
}
