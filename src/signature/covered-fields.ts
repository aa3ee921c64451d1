/** The core set (SIG-41): every signature covers these, whether they are present or not. */
export const CORE_FIELDS: readonly string[] = [
  "from",
  "sender",
  "reply-to",
  "to",
  "cc",
  "subject",
  "date",
  "message-id",
  "in-reply-to",
  "references",
  "mime-version",
  "content-type",
  "content-transfer-encoding",
  "content-disposition",
];

/** Trace and transport-added fields that a signer must not list in `h` (SIG-47, STP-6); verifiers accept them (SIG-49). */
export function isTransportField(name: string): boolean {
  return /^(?:arc-|dkim-|resent-)/.test(name) || TRANSPORT_FIELDS.has(name);
}

const TRANSPORT_FIELDS: ReadonlySet<string> = new Set([
  "received",
  "return-path",
  "delivered-to",
  "authentication-results",
  "bcc",
  "vsmtp-signature",
  "vsmtp-key-statement",
]);
