// Field names, most of which are the same in all messages: told by their octets, they cost no new string each, and
// what compares them or finds them in a map has it easier.

const FREQUENT_NAMES = [
  "arc-authentication-results",
  "arc-message-signature",
  "arc-seal",
  "authentication-results",
  "auto-submitted",
  "cc",
  "content-disposition",
  "content-language",
  "content-transfer-encoding",
  "content-type",
  "date",
  "delivered-to",
  "dkim-signature",
  "feedback-id",
  "from",
  "in-reply-to",
  "list-help",
  "list-id",
  "list-unsubscribe",
  "list-unsubscribe-post",
  "message-id",
  "mime-version",
  "organization",
  "precedence",
  "received",
  "received-spf",
  "references",
  "reply-to",
  "return-path",
  "sender",
  "subject",
  "to",
  "user-agent",
  "vsmtp-signature",
  "x-mailer",
  "x-priority",
];

/** Letters in either case give the same sum; it only picks the name to compare with. */
function addLetter(sum: number, octet: number): number {
  return (Math.imul(sum, 31) + (octet | 32)) | 0;
}

const bySum = new Map(
  FREQUENT_NAMES.map((name) => [Buffer.from(name, "latin1").reduce(addLetter, 0), name] as const),
);

/** The field name that these octets write, in lower case. */
export function readFieldName(octets: Buffer, start: number, end: number): string {
  let sum = 0;
  for (let at = start; at < end; at++) sum = addLetter(sum, octets[at] as number);
  const frequent = bySum.get(sum);
  return frequent !== undefined && isWrittenAt(frequent, octets, start, end)
    ? frequent
    : octets.toString("latin1", start, end).toLowerCase();
}

function isWrittenAt(name: string, octets: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) {
    const octet = octets[start + i] as number;
    const lower = octet >= 65 && octet <= 90 ? octet + 32 : octet;
    if (lower !== name.charCodeAt(i)) return false;
  }
  return true;
}
