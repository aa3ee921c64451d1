import { isIPv4, isIPv6, SocketAddress } from "node:net";

/**
 * What one host tells another of a client whose mail it brings, by XCLIENT or XFORWARD (Postfix, XCLIENT_README and
 * XFORWARD_README). Null: not known, or not told.
 */
export interface ClientIdentity {
  /** IPv4 or IPv6 address, without brackets. */
  readonly address: string | null;
  readonly port: number | null;
  /** What DNS calls the address. */
  readonly name: string | null;
  /** The name in the client's EHLO or HELO. */
  readonly helo: string | null;
  /** How its mail came, as `ESMTPSA`; of XCLIENT `SMTP` or `ESMTP`. */
  readonly protocol: string | null;
  /** XCLIENT: who has logged in there. */
  readonly login: string | null;
  /** XFORWARD: what the message is called there. */
  readonly ident: string | null;
  /** XFORWARD: whether the message came from that host itself. */
  readonly source: "local" | "remote" | null;
}

export const unknownClient: ClientIdentity = {
  address: null,
  port: null,
  name: null,
  helo: null,
  protocol: null,
  login: null,
  ident: null,
  source: null,
};

/** An end of a TCP connection. */
export interface SocketPlace {
  /** IPv4 or IPv6 address, without brackets. */
  readonly address: string;
  readonly port: number;
}

/**
 * An address in the one form in which addresses are compared: IPv6 shortened (RFC 5952), what is mapped from IPv4 as
 * IPv4. Null when it is none, or has a zone, which means nothing on another host.
 */
export function canonicalIp(text: string): string | null {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes("%")) return null;
  return unmapped(new SocketAddress({ address: text, family: "ipv6" }).address);
}

/** A listener on :: sees IPv4 clients under mapped addresses. */
export function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}
