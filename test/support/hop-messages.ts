import { author } from "./two-hosts.ts";

/** A message for the way through a mail server. */
export interface HopMessage {
  readonly name: string;
  /** Of its recipients, in any domain. */
  readonly localParts: readonly string[];
  readonly body: Buffer;
  octets(recipients: readonly string[]): Buffer;
}

function message(name: string, localParts: readonly string[], body: string, more = ""): HopMessage {
  return {
    name,
    localParts,
    body: Buffer.from(body),
    octets: (recipients) =>
      Buffer.from(
        `From: Allice <${author}>\r\nTo: ${recipients.join(",\r\n ")}\r\nSubject: ${name}\r\n${more}\r\n${body}`,
      ),
  };
}

const utf8 =
  "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n";

export const hopMessages: readonly HopMessage[] = [
  message("a short message", ["short"], "Noon?\r\n"),
  message("lines of dots", ["dots"], ".\r\n..\r\n...\r\n.x\r\n\r\n.\r\nend\r\n.\r\n"),
  message("lines of 998 octets", ["long-lines"], `${"x".repeat(998)}\r\n.${"y".repeat(997)}\r\n`),
  message("an empty body", ["empty"], ""),
  message("8-bit text", ["eight-bit"], "Schöne Grüße\r\n".repeat(10), utf8),
  message("a UTF-8 address and header", ["jürgen"], "Grüße\r\n", `Comments: Grüße\r\n${utf8}`),
  message("2 MiB", ["large"], `${"0123456789abcdef".repeat(4)}\r\n`.repeat(31_776)),
  message(
    "to 50 recipients",
    Array.from({ length: 50 }, (_, index) => `one-of-50-${index}`),
    "Party!\r\n",
  ),
];

/** The body of a message, as its author wrote it: a submission server may have encoded it (MSG-16, MSG-20). */
export function bodyOf(text: string): Buffer {
  const end = text.indexOf("\r\n\r\n");
  const body = text.slice(end + 4);
  const encoding = /^Content-Transfer-Encoding: (\S+)\r$/m.exec(text.slice(0, end + 2))?.[1];
  if (encoding !== "quoted-printable") return Buffer.from(body, encoding === "base64" ? "base64" : "latin1");
  const decoded = body
    .replace(/=\r\n/g, "")
    .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(decoded, "latin1");
}
