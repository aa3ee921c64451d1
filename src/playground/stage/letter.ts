import { randomBytes } from "node:crypto";
import { formatMailDate } from "../../message/index.ts";

export interface Letter {
  readonly messageId: string;
  /** The header lines that matter to the reader. */
  readonly shown: readonly string[];
  /** CRLF line ends. */
  readonly octets: Buffer;
}

/** A message as a mail client makes it: complete, so that a submission server has nothing to add. */
export function writeLetter(options: {
  /** As in From: `Allice <allice@someisp.test>`. */
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly sender?: string;
}): Letter {
  const { from, to, subject, text, sender } = options;
  const host = /@([^>]+)/.exec(from)?.[1] ?? "invalid";
  const messageId = `<${randomBytes(9).toString("base64url")}@${host}>`;
  const shown = [
    `From: ${from}`,
    ...(sender === undefined ? [] : [`Sender: ${sender}`]),
    `To: ${to}`,
    `Subject: ${subject}`,
  ];
  const header = [
    ...shown,
    `Date: ${formatMailDate(Date.now())}`,
    `Message-ID: ${messageId}`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=us-ascii",
  ];
  return { messageId, shown, octets: Buffer.from(`${header.join("\r\n")}\r\n\r\n${text}\r\n`) };
}
