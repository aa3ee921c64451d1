import { type AuditHead, parseAuditHead } from "../../keyring/index.ts";
import { UsageError } from "../usage-error.ts";

/** `--expect HEAD`: where the log stood. */
export function headArgument(text: string): AuditHead {
  const head = parseAuditHead(text.trim());
  if (!head) throw new UsageError(`"${text}" is no head of the log: NUMBER:64 hexadecimal digits`);
  return head;
}
