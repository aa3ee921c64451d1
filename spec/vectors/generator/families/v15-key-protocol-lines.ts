// V15, KEY transcripts: single lines. What an error code means for the verdict is part of it.

import { ALLICE } from "../reference/keys.ts";
import type { Case } from "../vector.ts";

function reply(
  name: string,
  requirements: readonly string[],
  about: string,
  line: string,
  expected: Readonly<Record<string, unknown>>,
): Case {
  return { name, kind: "reply-line", requirements, about, input: { line }, expected };
}

const OTHER = { reply: "other" };
const error = (code: string, consequence: string) => ({ reply: "error", code, consequence });

function argument(
  name: string,
  about: string,
  text: string,
  expected: Readonly<Record<string, unknown>>,
): Case {
  return {
    name,
    kind: "key-argument",
    requirements: ["KEY-5", "ADR-2"],
    about,
    input: { argument: text },
    expected,
  };
}

const { identity, kid } = ALLICE;
const SYNTAX = { identity: null, kid: null };

export const keyProtocolLines: readonly Case[] = [
  reply("ok", ["KEY-5"], "The text is optional.", "+OK", { reply: "ok" }),
  reply("ok-with-text", ["KEY-5", "KEY-9"], "Whatever it says.", "+OK -ERR [NOKEY]", { reply: "ok" }),
  reply("ok-lower-case", ["KEY-3"], "Keywords are case-insensitive.", "+ok", { reply: "ok" }),
  reply("ok-without-space-before-text", ["KEY-5", "KEY-7"], "Text is behind a space.", "+OKAY", OTHER),
  reply("redirect", ["KEY-5", "KEY-6"], "Host and port.", "-FW keys.someisp.tld:8757", {
    reply: "redirect",
    host: "keys.someisp.tld",
    port: 8757,
  }),
  reply(
    "redirect-in-mixed-case",
    ["KEY-3", "KEY-22"],
    "Host names are compared without regard to case.",
    "-fw Keys.SomeISP.tld:443",
    { reply: "redirect", host: "keys.someisp.tld", port: 443 },
  ),
  reply("redirect-without-port", ["KEY-5", "KEY-7"], "The port is required.", "-FW keys.someisp.tld", OTHER),
  reply("redirect-port-zero", ["KEY-5", "KEY-7"], "There is no port 0.", "-FW keys.someisp.tld:0", OTHER),
  reply("redirect-port-65536", ["KEY-5", "KEY-7"], "Nor 65536.", "-FW keys.someisp.tld:65536", OTHER),
  reply(
    "redirect-with-text",
    ["KEY-5", "KEY-7"],
    "No text follows.",
    "-FW keys.someisp.tld:8757 please",
    OTHER,
  ),
  reply(
    "error-no-key",
    ["KEY-30", "KEY-32"],
    "A permanent code other than NOTHERE gives fail no-key.",
    "-ERR [NOKEY] unknown",
    error("NOKEY", "no-key"),
  ),
  reply("error-without-text", ["KEY-5"], "The text is optional.", "-ERR [NOKEY]", error("NOKEY", "no-key")),
  reply(
    "error-in-lower-case",
    ["KEY-3"],
    "Keywords are case-insensitive.",
    "-err [nokey]",
    error("NOKEY", "no-key"),
  ),
  reply("error-syntax", ["KEY-30", "KEY-32"], "Permanent.", "-ERR [SYNTAX]", error("SYNTAX", "no-key")),
  reply("error-unsupported", ["KEY-30", "KEY-32"], "Permanent.", "-ERR [UNSUPP]", error("UNSUPP", "no-key")),
  reply(
    "error-key-id-required",
    ["KEY-30", "KEY-32"],
    "Permanent.",
    "-ERR [KIDREQ]",
    error("KIDREQ", "no-key"),
  ),
  reply(
    "error-not-here",
    ["KEY-30", "DIS-8"],
    "The next target is asked.",
    "-ERR [NOTHERE]",
    error("NOTHERE", "next-target"),
  ),
  ...["TLSREQ", "RATE", "BUSY", "LIMIT", "TEMP"].map((code) =>
    reply(
      `error-${code.toLowerCase()}`,
      ["KEY-30"],
      "Not now.",
      `-ERR [${code}] later`,
      error(code, "temporary"),
    ),
  ),
  reply(
    "error-unknown-code",
    ["KEY-31"],
    "Unknown codes are temporary.",
    "-ERR [WEATHER]",
    error("WEATHER", "temporary"),
  ),
  reply("error-without-code", ["KEY-5", "KEY-7"], "The code is required.", "-ERR no such key", OTHER),
  reply("error-code-not-in-brackets", ["KEY-5", "KEY-7"], "In brackets.", "-ERR NOKEY", OTHER),
  reply("smtp-greeting", ["KEY-7"], "Some other server.", "220 mx1.someisp.tld ESMTP", OTHER),
  reply("empty-line", ["KEY-7"], "Nothing at all.", "", OTHER),
  reply("control-character", ["KEY-1", "KEY-7"], "Lines are ASCII.", "+OK \u0007", OTHER),
  argument("argument-address", "The bare form.", identity, { identity, kid: null }),
  argument("argument-address-and-key-id", "As verifiers ask.", `${identity} ${kid}`, { identity, kid }),
  argument("argument-encoded-address", "Percent-encoded as in i.", `j%C3%B6rg@someisp.tld ${kid}`, {
    identity: "j%C3%B6rg@someisp.tld",
    kid,
  }),
  argument("argument-upper-case", "The address is canonical.", `Allice@someisp.tld ${kid}`, SYNTAX),
  argument("argument-not-encoded", "The address is percent-encoded.", `allice+x@someisp.tld ${kid}`, SYNTAX),
  argument("argument-key-id-too-short", "A key id is an id16.", `${identity} ${kid.slice(1)}`, SYNTAX),
  argument(
    "argument-key-id-unused-bits",
    "Its unused bits are zero.",
    `${identity} ${kid.slice(0, 21)}h`,
    SYNTAX,
  ),
  argument("argument-two-spaces", "There is one space between them.", `${identity}  ${kid}`, SYNTAX),
  argument("argument-three-words", "And nothing behind.", `${identity} ${kid} x`, SYNTAX),
  argument("argument-empty", "An address is required.", "", SYNTAX),
];
