import { claimsAuthservId, fieldText, type Header, type HeaderField } from "../message/index.ts";

/** The field by which the border tells what it did with a message that did not pass; see {@link flagField}. */
const FLAG_FIELD = "x-vsmtp-flag";

/**
 * A header without the fields that only this border may write: Authentication-Results under its own id (REC-2,
 * RFC 8601 §5) and the flag. All other octets stay as they came, so signatures hold.
 */
export function cleanHeader(header: Header, authservId: string): Uint8Array {
  const { octets } = header;
  const forged = header.fields.filter((field) => isOurs(header, field, authservId));
  if (forged.length === 0) return octets;
  const kept: Uint8Array[] = [];
  let from = 0;
  for (const field of forged) {
    kept.push(octets.subarray(from, field.start));
    from = field.end;
  }
  kept.push(octets.subarray(from));
  return Buffer.concat(kept);
}

function isOurs(header: Header, field: HeaderField, authservId: string): boolean {
  if (field.name === FLAG_FIELD) return true;
  return field.name === "authentication-results" && claimsAuthservId(fieldText(header, field), authservId);
}

/** What a tagged or quarantined message carries, for mail clients' rules: `X-VSMTP-Flag: tag; VSMTP/revoked`. */
export function flagField(action: "tag" | "quarantine", reason: string): string {
  return `X-VSMTP-Flag: ${action}; VSMTP/${reason}\r\n`;
}
