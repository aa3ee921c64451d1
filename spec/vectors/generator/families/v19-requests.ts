// V19, the private interface: request lines and first lines of replies.
import { ALLICE } from "../reference/keys.ts";
import type { Case } from "../vector.ts";

const { identity, kid } = ALLICE;
const ticket = "AAECAwQFBgcICQoLDA0ODw";

function request(
  name: string,
  requirements: readonly string[],
  about: string,
  line: string,
  expected: Readonly<Record<string, unknown>>,
): Case {
  return { name: `request-${name}`, kind: "vault-request", requirements, about, input: { line }, expected };
}

const SYNTAX = { error: "SYNTAX" };

const good: readonly Case[] = [
  request("capa", ["PRV-25"], "What may be used.", "CAPA", { verb: "CAPA" }),
  request("lower-case", ["PRV-4", "KEY-3"], "Keywords are case-insensitive.", "noop", { verb: "NOOP" }),
  request("quit", ["PRV-13"], "The end.", "QUIT", { verb: "QUIT" }),
  request("auth", ["PRV-5"], "Without an initial response.", "AUTH PLAIN", {
    verb: "AUTH",
    mechanism: "PLAIN",
    initial: null,
    cb: null,
    ip: null,
  }),
  request("auth-initial", ["PRV-5"], "With one, in base64.", "AUTH plain AGEAYg==", {
    verb: "AUTH",
    mechanism: "PLAIN",
    initial: "AGEAYg==",
  }),
  request("auth-empty-initial", ["PRV-5"], "RFC 4954: = is no octets.", "AUTH EXTERNAL =", {
    verb: "AUTH",
    mechanism: "EXTERNAL",
    initial: "",
  }),
  request(
    "auth-everything",
    ["PRV-5", "PRV-7", "PRV-31"],
    "Initial response, channel binding, the user's address.",
    "AUTH SCRAM-SHA-256-PLUS bixh cb=AAEC ip=2001:db8::1",
    { verb: "AUTH", mechanism: "SCRAM-SHA-256-PLUS", initial: "bixh", cb: "AAEC", ip: "2001:db8::1" },
  ),
  request(
    "auth-options-alone",
    ["PRV-7", "PRV-31"],
    "No option is base64.",
    "AUTH LOGIN cb=AAEC ip=192.0.2.1",
    {
      verb: "AUTH",
      initial: null,
      cb: "AAEC",
      ip: "192.0.2.1",
    },
  ),
  request("assert", ["PRV-9"], "A user without a password.", `ASSERT ${identity}`, {
    verb: "ASSERT",
    identity,
    ip: null,
  }),
  request("assert-ip", ["PRV-9", "PRV-31"], "From an address.", `ASSERT ${identity} ip=192.0.2.1`, {
    verb: "ASSERT",
    identity,
    ip: "192.0.2.1",
  }),
  request("id", ["PRV-10"], "May the ticket act as the address?", `ID ${ticket} ${identity}`, {
    verb: "ID",
    ticket,
    identity,
  }),
  request(
    "id-encoded",
    ["PRV-4", "ADR-2"],
    "Addresses are percent-encoded.",
    `ID ${ticket} j%C3%B6rg@someisp.tld`,
    {
      verb: "ID",
      identity: "j%C3%B6rg@someisp.tld",
    },
  ),
  request("spend", ["PRV-27"], "A submission's recipients.", `SPEND ${ticket} 400`, {
    verb: "SPEND",
    ticket,
    recipients: 400,
  }),
  request("sign", ["PRV-11"], "H follows.", `SIGN ${ticket} ${identity} ${kid} 32 65536`, {
    verb: "SIGN",
    ticket,
    identity,
    kid,
    recipients: 32,
    length: 65_536,
  }),
  request("getkey", ["PRV-12"], "The private key itself.", `GETKEY ${ticket} ${identity}`, {
    verb: "GETKEY",
    ticket,
    identity,
  }),
  request("drop", ["PRV-13"], "The user is gone.", `DROP ${ticket}`, { verb: "DROP", ticket }),
];

const bad: readonly Case[] = [
  request("unknown", ["PRV-29"], "There is no such request.", `KEY ${identity}`, { error: "UNSUPP" }),
  request("empty", ["PRV-29"], "Nor this.", "", { error: "UNSUPP" }),
  request("capa-argument", ["PRV-4"], "CAPA takes none.", "CAPA x", SYNTAX),
  request("two-spaces", ["PRV-4"], "One space between words.", `ID  ${ticket} ${identity}`, SYNTAX),
  request("space-at-the-end", ["PRV-4"], "And none at the end.", `DROP ${ticket} `, SYNTAX),
  request("auth-no-mechanism", ["PRV-5"], "A mechanism is required.", "AUTH", SYNTAX),
  request(
    "auth-mechanism-too-long",
    ["PRV-5"],
    "RFC 4422: 20 characters.",
    "AUTH ABCDEFGHIJKLMNOPQRSTU",
    SYNTAX,
  ),
  request("auth-initial-not-base64", ["PRV-5"], "Strict base64.", "AUTH PLAIN AGEAYg", SYNTAX),
  request("auth-initial-unused-bits", ["PRV-5"], "Its unused bits are zero.", "AUTH PLAIN AGEAYh==", SYNTAX),
  request("auth-cb-empty", ["PRV-7"], "No octets bind nothing.", "AUTH PLAIN cb=", SYNTAX),
  request("auth-cb-equals-sign", ["PRV-7"], "Neither base64 nor an option.", "AUTH PLAIN cb==", SYNTAX),
  request("auth-options-reversed", ["PRV-5"], "cb comes first.", "AUTH PLAIN ip=192.0.2.1 cb=AAEC", SYNTAX),
  request("auth-ip-not-an-address", ["PRV-31"], "An IP address.", "AUTH PLAIN ip=mx.someisp.tld", SYNTAX),
  request("ticket-too-short", ["PRV-14"], "128 bits.", `DROP ${ticket.slice(1)}`, SYNTAX),
  request(
    "ticket-unused-bits",
    ["PRV-14"],
    "Its unused bits are zero.",
    `DROP ${ticket.slice(0, 21)}x`,
    SYNTAX,
  ),
  request("address-upper-case", ["PRV-4", "ADR-2"], "Canonical.", `ID ${ticket} Allice@someisp.tld`, SYNTAX),
  request("address-not-encoded", ["PRV-4", "ADR-2"], "Encoded.", `ID ${ticket} a+b@someisp.tld`, SYNTAX),
  request("spend-nothing", ["PRV-27"], "At least one.", `SPEND ${ticket} 0`, SYNTAX),
  request("spend-leading-zero", ["PRV-27"], "No leading zeros.", `SPEND ${ticket} 01`, SYNTAX),
  request("spend-too-many", ["PRV-27"], "At most a million.", `SPEND ${ticket} 1000001`, SYNTAX),
  request(
    "sign-h-too-long",
    ["PRV-11"],
    "H has at most 65536 octets.",
    `SIGN ${ticket} ${identity} ${kid} 1 65537`,
    SYNTAX,
  ),
  request(
    "sign-no-length",
    ["PRV-11"],
    "A length is required.",
    `SIGN ${ticket} ${identity} ${kid} 1`,
    SYNTAX,
  ),
  request(
    "sign-kid-too-long",
    ["PRV-11"],
    "A key id is an id16.",
    `SIGN ${ticket} ${identity} ${kid}A 1 100`,
    SYNTAX,
  ),
];

function limit(name: string, about: string, text: string, expected: Readonly<Record<string, unknown>>): Case {
  return {
    name: `limit-${name}`,
    kind: "limit-text",
    requirements: ["PRV-28"],
    about,
    input: { text },
    expected,
  };
}

export const vaultRequests: readonly Case[] = [
  ...good,
  ...bad,
  limit("free-later", "When as many as were asked for will fit.", "limit=500; free=1073304000", {
    limit: 500,
    free: 1073304000,
  }),
  limit("never", "So many never fit.", "limit=500", { limit: 500, free: null }),
  limit("further-tags", "What is not known is ignored.", "limit=500; used=499; free=1", {
    limit: 500,
    free: 1,
  }),
  limit("free-text", "It does not say it.", "too many recipients", { limit: null, free: null }),
];
