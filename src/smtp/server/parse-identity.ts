import { type ClientIdentity, canonicalIp } from "../client-identity.ts";
import { isDomainOrLiteral } from "../mailbox.ts";
import { type Reply, reply } from "../reply.ts";
import { decodeUtf8Xtext, isXtext } from "../xtext.ts";

// The arguments of XCLIENT and XFORWARD. Whoever may send them is trusted, but the values are those of a client that is not:
// no value may end in a log, a header or a command as more than itself.

export type IdentityCommand = "XCLIENT" | "XFORWARD";

/** What the reply to EHLO lists for each. */
export const identityAttributes: Readonly<Record<IdentityCommand, readonly string[]>> = {
  XCLIENT: ["NAME", "ADDR", "PORT", "PROTO", "HELO", "DESTADDR", "DESTPORT", "LOGIN"],
  XFORWARD: ["NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"],
};

/** XFORWARD_README, note 1. */
const valueOctets = 255;

/** The attributes that were given; a value that is not available is null. */
export type GivenIdentity = Partial<ClientIdentity>;

export function parseIdentity(
  command: IdentityCommand,
  argument: string,
  allowed: readonly string[],
): GivenIdentity | Reply {
  const given: { -readonly [K in keyof ClientIdentity]?: ClientIdentity[K] } = {};
  const words = argument.split(" ").filter((word) => word !== "");
  if (words.length === 0) return bad(`Syntax: ${command} attribute=value...`);
  for (const word of words) {
    const [, written = "", encoded = ""] = /^([A-Za-z]{1,20})=(.+)$/.exec(word) ?? [];
    const name = written.toUpperCase();
    if (!allowed.includes(name)) return bad(`Bad ${command} attribute`);
    const value = isXtext(encoded) ? decodeUtf8Xtext(encoded) : null;
    if (value === null || value.length > valueOctets) return bad(`Bad ${name} syntax`);
    const known = /^\[(?:UNAVAILABLE|TEMPUNAVAIL)\]$/i.test(value) ? null : value;
    switch (name) {
      case "ADDR":
      case "DESTADDR": {
        const address = known === null ? null : canonicalIp(known.replace(/^IPV6:/i, ""));
        if (known !== null && address === null) return bad(`Bad ${name} syntax`);
        // Where it connected to is nothing that we use.
        if (name === "ADDR") given.address = address;
        break;
      }
      case "PORT":
      case "DESTPORT": {
        const port = known === null ? null : parsePort(known);
        if (known !== null && port === null) return bad(`Bad ${name} syntax`);
        if (name === "PORT") given.port = port;
        break;
      }
      // What these hold is the client's: what could not have come from a good one is not known.
      case "NAME":
        given.name = known !== null && isDomainOrLiteral(known) ? known : null;
        break;
      case "HELO":
        given.helo = known !== null && isHeloName(known) ? known : null;
        break;
      case "PROTO":
        given.protocol = known !== null && /^[\w-]{1,64}$/.test(known) ? known.toUpperCase() : null;
        break;
      case "IDENT":
        given.ident = known !== null && /^[\w.+/:=@-]{1,255}$/.test(known) ? known : null;
        break;
      case "SOURCE":
        if (known !== null && !/^(?:LOCAL|REMOTE)$/i.test(known)) return bad("SOURCE is LOCAL or REMOTE");
        given.source = known === null ? null : /^LOCAL$/i.test(known) ? "local" : "remote";
        break;
      case "LOGIN":
        given.login = known;
        break;
    }
  }
  return given;
}

/** Any token that is safe in a Received field; see `parseHello`. */
export function isHeloName(name: string): boolean {
  return /^[\w.:-]{1,255}$/.test(name) || (name.startsWith("[") && isDomainOrLiteral(name));
}

function parsePort(text: string): number | null {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65535 ? Number(text) : null;
}

function bad(text: string): Reply {
  return reply(501, "5.5.4", text);
}
