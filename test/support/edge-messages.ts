const header = "From: allice@someisp.test\r\nTo: bob@dest.test\r\nSubject: edge\r\n";
const longest = "x".repeat(998);

/** Messages that are just within the rules, where a relay might touch them. */
export const edgeMessages: readonly { readonly name: string; readonly octets: Buffer }[] = Object.entries({
  "a body line of 998 octets": `${header}\r\n${longest}\r\n`,
  "a header line of 998 octets": `${header}Comments: ${longest.slice(10)}\r\n\r\nHi\r\n`,
  "a covered field in lines of 998 octets": `From: allice@someisp.test\r\nSubject: ${longest.slice(9)}\r\n ${longest.slice(1)}\r\n ${longest.slice(1)}\r\n\r\nHi\r\n`,
  "dots at line starts": `${header}\r\n.\r\n..\r\n...\r\n.x\r\n\r\n.\r\n`,
  "white space at line ends, empty lines at the end": `${header}\r\nHi \t \r\n \t\r\n\r\n\r\n \r\n\r\n`,
  "white space in the header": `${header}Cc :\tCarol\t <carol@dest.test> \t\r\n \t\r\nReply-To:\r\n  al@someisp.test\r\n\r\nHi\r\n`,
  "an empty body": `${header}\r\n`,
  "no empty line behind the header": header,
  "no CRLF at the end": `${header}\r\nHi`,
  "a line like a mailbox's": `${header}\r\nFrom here on\r\n>From there\r\n`,
  "500 recipients in To": `From: allice@someisp.test\r\nTo: ${recipients(500)}\r\n\r\nHi\r\n`,
  "empty fields": `From: allice@someisp.test\r\nTo:\r\nSubject: \r\nDate:\r\nMessage-ID:\r\n\r\nHi\r\n`,
  "no Date, no Message-ID, no To": "From: allice@someisp.test\r\n\r\nHi\r\n",
  "8-bit text": `${header}Content-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe\r\n`,
}).map(([name, text]) => ({ name, octets: Buffer.from(text, "latin1") }));

function recipients(count: number): string {
  return Array.from({ length: count }, (_, index) => `person-${index}@dest.test`).join(",\r\n ");
}
