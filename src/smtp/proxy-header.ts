// The header of the PROXY protocol (haproxy.org, proxy-protocol.txt of 2020/03/05): one at the beginning of a connection,
// by which who passes it on says whose it is.
import { isIPv4, isIPv6 } from "node:net";
import { canonicalIp, type SocketPlace } from "./client-identity.ts";

export type ProxyHeader =
  /** On behalf of a client. */
  | { readonly kind: "client"; readonly source: SocketPlace }
  /** `own`: of the proxy itself, as to see whether we are well. `unknown`: of somebody whom it cannot name. */
  | { readonly kind: "own" | "unknown" };

export type ProxyHeaderStep =
  | { readonly kind: "more" }
  | { readonly kind: "header"; readonly header: ProxyHeader; readonly octets: number }
  /** The connection is to be broken off (§2.1: "any sequence which does not exactly match"). */
  | { readonly kind: "fault"; readonly detail: string };

/** §2.2: it has a NUL and no printable word, so that no other protocol begins with it. */
const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const fixedOctets = 16;
/** With what follows the addresses. Nobody sends as much: certificates' names, ids of connections. */
const mostOctets = 4096;
const word = Buffer.from("PROXY ");
/** §2.1: the longest line with its CRLF. */
const lineOctets = 107;

/** What `octets`, the first of a connection, say; all of them are given again when there are more. */
export function readProxyHeader(octets: Buffer): ProxyHeaderStep {
  if (begins(octets, word)) return readLine(octets);
  if (begins(octets, signature)) return readBinary(octets);
  return fault("the connection does not begin with a PROXY header");
}

/** As far as there are octets. */
function begins(octets: Buffer, expected: Buffer): boolean {
  const shared = Math.min(octets.length, expected.length);
  return octets.subarray(0, shared).equals(expected.subarray(0, shared));
}

/** §2.1 */
function readLine(octets: Buffer): ProxyHeaderStep {
  const end = octets.subarray(0, lineOctets).indexOf("\r\n");
  if (end === -1) {
    return octets.length < lineOctets ? { kind: "more" } : fault(`no CRLF in the first ${lineOctets} octets`);
  }
  const header = parseLine(octets.toString("latin1", word.length, end));
  if (header === null) return fault("a PROXY line that is malformed");
  return { kind: "header", header, octets: end + 2 };
}

function parseLine(text: string): ProxyHeader | null {
  if (/^UNKNOWN(?: |$)/.test(text)) return { kind: "unknown" };
  const found = /^TCP([46]) (\S+) (\S+) (\d{1,5}) (\d{1,5})$/.exec(text);
  if (found === null) return null;
  const [, family, source = "", destination = "", sourcePort = "", destinationPort = ""] = found;
  const isAddress = family === "4" ? isIPv4 : isIPv6;
  const address = canonicalIp(source);
  const port = parsePort(sourcePort);
  if (!isAddress(source) || !isAddress(destination) || canonicalIp(destination) === null) return null;
  if (address === null || port === null || parsePort(destinationPort) === null) return null;
  return { kind: "client", source: { address, port } };
}

/** §2.1: no zeroes in front. */
function parsePort(text: string): number | null {
  return /^(?:0|[1-9]\d*)$/.test(text) && Number(text) <= 65535 ? Number(text) : null;
}

/** §2.2 */
function readBinary(octets: Buffer): ProxyHeaderStep {
  if (octets.length < fixedOctets) return { kind: "more" };
  const versionAndCommand = octets.readUInt8(12);
  const familyAndProtocol = octets.readUInt8(13);
  const rest = octets.readUInt16BE(14);
  const whole = fixedOctets + rest;
  const [family, protocol] = [familyAndProtocol >> 4, familyAndProtocol & 15];
  if (versionAndCommand !== 0x20 && versionAndCommand !== 0x21) {
    return fault(`version and command 0x${versionAndCommand.toString(16)} of a PROXY header are unknown`);
  }
  if (family > 3 || protocol > 2) return fault("address family or protocol of a PROXY header are unknown");
  if (whole > mostOctets) return fault(`a PROXY header of ${whole} octets`);
  const addressOctets = familyAndProtocol === 0x11 ? 12 : familyAndProtocol === 0x21 ? 36 : 0;
  if (versionAndCommand === 0x21 && rest < addressOctets)
    return fault("a PROXY header without its addresses");
  if (octets.length < whole) return { kind: "more" };
  const header = parseBinary(octets.subarray(fixedOctets, whole), versionAndCommand, familyAndProtocol);
  return { kind: "header", header, octets: whole };
}

function parseBinary(block: Buffer, versionAndCommand: number, familyAndProtocol: number): ProxyHeader {
  if (versionAndCommand === 0x20) return { kind: "own" };
  // TCP over IPv4 and IPv6; what else is allowed, Unix sockets and datagrams, names nobody we could know.
  if (familyAndProtocol === 0x11) {
    const source = { address: block.subarray(0, 4).join("."), port: block.readUInt16BE(8) };
    return { kind: "client", source };
  }
  if (familyAndProtocol !== 0x21) return { kind: "unknown" };
  const groups = Array.from({ length: 8 }, (_, index) => block.readUInt16BE(2 * index).toString(16));
  const address = canonicalIp(groups.join(":")) as string;
  return { kind: "client", source: { address, port: block.readUInt16BE(32) } };
}

/** Who a connection is of, for the other side: a client and where it connected to, or null: ourselves. */
export interface ProxyHeaderOptions {
  readonly version: 1 | 2;
  readonly connection: { readonly source: SocketPlace; readonly destination: SocketPlace } | null;
}

/** @throws TypeError when an address is none. */
export function formatProxyHeader({ version, connection }: ProxyHeaderOptions): Buffer {
  if (connection === null) {
    // §2.1 knows no other word for it.
    if (version === 1) return Buffer.from("PROXY UNKNOWN\r\n");
    return Buffer.concat([signature, Buffer.of(0x20, 0, 0, 0)]);
  }
  const { source, destination } = connection;
  const both = isIPv4(source.address) && isIPv4(destination.address);
  const [from, to] = [source.address, destination.address].map((address) => inFamily(address, both));
  const ports = [source.port, destination.port];
  if (version === 1) return Buffer.from(`PROXY TCP${both ? 4 : 6} ${from} ${to} ${ports.join(" ")}\r\n`);
  const addresses = Buffer.concat([from, to].map((text) => addressOctets(text as string)));
  const block = Buffer.alloc(addresses.length + 4);
  addresses.copy(block);
  for (const [index, port] of ports.entries()) block.writeUInt16BE(port, addresses.length + 2 * index);
  return Buffer.concat([signature, Buffer.of(0x21, both ? 0x11 : 0x21, 0, block.length), block]);
}

/** Both addresses are of one family. */
function inFamily(address: string, ipv4: boolean): string {
  const canonical = canonicalIp(address);
  if (canonical === null) throw new TypeError(`not an IP address: ${address}`);
  return ipv4 || isIPv6(canonical) ? canonical : `::ffff:${canonical}`;
}

function addressOctets(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  const groups = ipv6Groups(address);
  const octets = Buffer.alloc(16);
  for (const [index, group] of groups.entries()) octets.writeUInt16BE(group, 2 * index);
  return octets;
}

function ipv6Groups(address: string): number[] {
  // The last 32 bits may be written as IPv4.
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = "", tail] = plain.split("::");
  const [front, back] = [head, tail ?? ""].map((part) => (part === "" ? [] : part.split(":"))) as [
    string[],
    string[],
  ];
  const zeroes = tail === undefined ? 0 : 8 - front.length - back.length;
  return [...front, ...Array<string>(zeroes).fill("0"), ...back].map((group) => Number.parseInt(group, 16));
}

function fault(detail: string): ProxyHeaderStep {
  return { kind: "fault", detail };
}
