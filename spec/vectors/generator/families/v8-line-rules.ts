// V8, line rules: refused before signing, permerror when verified.
import { base64 } from "../reference/canonical.ts";
import { PKCS8_PREFIX, SEED_1 } from "../reference/keys.ts";
import { signed } from "../reference/signature-field.ts";
import type { Case } from "../vector.ts";
import { BODY, mail, NONE, PASS, PERMERROR, verifyCase } from "../verify-case.ts";

const privateKey = base64(Buffer.concat([Buffer.from(PKCS8_PREFIX, "hex"), SEED_1]));

/** Verifies a message signed before the fault came into it, and signs one that has it. */
function rule(name: string, about: string, change: (message: string) => string, allowed: boolean): Case[] {
  const message = change(mail());
  const sign: Case = {
    name: `${name}-signing`,
    kind: "sign",
    requirements: ["MSG-2", "MSG-4"],
    about: `${about} Signers ${allowed ? "sign" : "refuse"} it.`,
    input: { message: base64(message), identity: "allice@someisp.tld", privateKey },
    expected: { refused: !allowed },
  };
  const verify = verifyCase({
    name,
    requirements: ["MSG-3", "MSG-4"],
    about: `${about} Verifiers ${allowed ? "accept it" : "return permerror"}.`,
    message: allowed ? signed(message) : change(signed(mail())),
    expected: allowed ? PASS : PERMERROR,
  });
  return [verify, sign];
}

const body = (text: string) => (message: string) => message.replace(BODY, text);
const subject = (text: string) => (message: string) => message.replace("Subject: Lunch?", text);

export const lineRules: readonly Case[] = [
  ...rule("nul-in-body", "A NUL in the body.", body("Hi\0Bob\r\n"), false),
  ...rule("nul-in-header", "A NUL in a header field.", subject("Subject: Lun\0ch?"), false),
  ...rule("bare-lf-in-body", "An LF without CR in the body.", body("Hi\nBob\r\n"), false),
  ...rule("bare-cr-in-body", "A CR without LF in the body.", body("Hi\rBob\r\n"), false),
  ...rule("bare-cr-at-the-end", "A CR as the very last octet.", body("Hi Bob\r"), false),
  ...rule("cr-cr-lf-in-body", "CR CR LF holds a bare CR.", body("Hi\r\r\nBob\r\n"), false),
  ...rule(
    "bare-lf-in-header",
    "An LF without CR ends a header line.",
    subject("Subject: Lunch?\nX-A: b"),
    false,
  ),
  ...rule("bare-cr-in-header", "A CR without LF in a header field.", subject("Subject: Lun\rch?"), false),
  ...rule(
    "smuggled-end-of-data",
    "LF, dot, CRLF: what some servers take for the end of data holds a bare LF.",
    body("Hi\n.\r\nMAIL FROM:<x@y>\r\n"),
    false,
  ),
  ...rule(
    "body-line-of-998-octets",
    "A body line of 998 octets, CRLF not counted.",
    body(`${"x".repeat(998)}\r\n`),
    true,
  ),
  ...rule("body-line-of-999-octets", "A body line of 999 octets.", body(`${"x".repeat(999)}\r\n`), false),
  ...rule(
    "last-line-of-998-octets-without-crlf",
    "A last line of 998 octets without CRLF.",
    body("x".repeat(998)),
    true,
  ),
  ...rule(
    "last-line-of-999-octets-without-crlf",
    "A last line of 999 octets without CRLF.",
    body("x".repeat(999)),
    false,
  ),
  ...rule(
    "header-line-of-998-octets",
    "A header line of 998 octets; the field goes on.",
    subject(`Subject: ${"x".repeat(989)}\r\n y`),
    true,
  ),
  ...rule(
    "header-line-of-999-octets",
    "A header line of 999 octets.",
    subject(`Subject: ${"x".repeat(990)}`),
    false,
  ),
  ...rule(
    "header-field-longer-than-998-octets",
    "Lines are limited, fields are not.",
    subject(`Subject: ${"x".repeat(900)}\r\n ${"y".repeat(900)}`),
    true,
  ),
  ...rule("header-line-without-colon", "A header line without colon.", subject("Subject"), false),
  ...rule(
    "header-line-without-name",
    "A header line that begins with the colon.",
    subject(": Lunch?"),
    false,
  ),
  ...rule("space-inside-field-name", "A space inside the field name.", subject("Sub ject: Lunch?"), false),
  ...rule(
    "octet-above-127-in-field-name",
    "A field name that is not ASCII.",
    subject("Subj\xc3\xa9t: Lunch?"),
    false,
  ),
  ...rule(
    "control-character-in-field-name",
    "A control character in the field name.",
    subject("Sub\x01ject: Lunch?"),
    false,
  ),
  ...rule(
    "mbox-from-line",
    "A line that mailbox files put before a message.",
    (message) => `From allice Mon Jan  5 12:00:00 2004\r\n${message}`,
    false,
  ),
  ...rule(
    "begins-with-continuation-line",
    "A continuation line before the first field.",
    (message) => ` x\r\n${message}`,
    false,
  ),
  verifyCase({
    name: "unsigned-with-bare-lf",
    requirements: ["VER-1", "MSG-3"],
    about: "A message without signature field is none before any rule is looked at.",
    message: body("Hi\nBob\r\n")(mail()),
    expected: NONE,
  }),
];
