/** The core set (SPEC §2.3): every signature covers these, whether they are present or not. */
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

/** Trace and transport-added fields that a signer must not list in `h` (SPEC §2.3); verifiers accept them (F8). */
export function isTransportField(name: string): boolean {
  return (
    /^(?:arc-|dkim-|resent-)/.test(name) ||
    ["received", "return-path", "delivered-to", "authentication-results", "bcc", "vsmtp-signature"].includes(
      name,
    )
  );
}
