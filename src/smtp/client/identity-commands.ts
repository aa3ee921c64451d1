import type { ClientIdentity } from "../client-identity.ts";
import { encodeXtext } from "../xtext.ts";

/** XCLIENT_README and XFORWARD_README, notes: a command of more is not to be sent. With its CRLF. */
const mostOctets = 512;

/**
 * The commands that tell a server whose mail follows. Postfix takes no address for its own where the name is left out, so
 * that what is not known is said to be so.
 *
 * @param announced the attributes behind XCLIENT in the reply to EHLO
 */
export function xclientCommands(identity: ClientIdentity, announced: string): string[] {
  const { helo, login, port, address, name } = identity;
  // Once a server knows the address it may take no more XCLIENT.
  const attributes = {
    PROTO: plainProtocol(identity.protocol),
    HELO: helo,
    LOGIN: login,
    PORT: port,
    NAME: name,
  };
  return commands("XCLIENT", { ...attributes, ADDR: taggedAddress(address) }, announced);
}

/** @param announced the attributes behind XFORWARD in the reply to EHLO */
export function xforwardCommands(identity: ClientIdentity, announced: string): string[] {
  const { name, address, port, protocol, helo, ident, source } = identity;
  return commands(
    "XFORWARD",
    {
      NAME: name,
      ADDR: taggedAddress(address),
      PORT: port,
      PROTO: protocol,
      HELO: helo,
      IDENT: ident,
      SOURCE: source?.toUpperCase() ?? null,
    },
    announced,
  );
}

/** What a server takes: the attributes that it announced. */
export function takes(announced: string, attribute: string): boolean {
  return announced.toUpperCase().split(" ").includes(attribute);
}

function commands(
  verb: string,
  attributes: Readonly<Record<string, string | number | null | undefined>>,
  announced: string,
): string[] {
  const lines: string[] = [];
  let line = verb;
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === undefined || !takes(announced, attribute)) continue;
    const word = ` ${attribute}=${value === null ? "[UNAVAILABLE]" : encodeXtext(String(value))}`;
    if (line.length + word.length + 2 > mostOctets && line !== verb) {
      lines.push(line);
      line = verb;
    }
    line += word;
  }
  return line === verb ? lines : [...lines, line];
}

function taggedAddress(address: string | null): string | null {
  return address?.includes(":") ? `IPV6:${address}` : address;
}

/** XCLIENT knows two protocols, and no word for an unknown one. */
function plainProtocol(protocol: string | null): string | undefined {
  if (protocol === null) return undefined;
  return protocol.toUpperCase() === "SMTP" ? "SMTP" : "ESMTP";
}
