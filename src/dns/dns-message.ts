import { randomInt } from "node:crypto";
import {
  type Answer,
  AUTHENTIC_DATA,
  type DecodedPacket,
  DNSSEC_OK,
  decode,
  encode,
  type Question,
  RECURSION_DESIRED,
} from "dns-packet";
import type { DnsAnswer, MxRecord, SrvRecord, TlsaRecord } from "./resolver.ts";

export type QueryType = "A" | "AAAA" | "MX" | "TXT" | "SRV" | "TLSA" | "PTR";

/** dns-packet sets the response code but does not declare it. */
export type DnsResponse = DecodedPacket & { readonly rcode: string };

export interface DnsQuery {
  readonly id: number;
  readonly name: string;
  readonly type: QueryType;
  readonly octets: Buffer;
}

/** What fits a path without fragments: the DNS flag day 2020 figure. */
const UDP_PAYLOAD_OCTETS = 1232;
const MAX_CNAME_LINKS = 16;

/**
 * A recursive query with a random id that asks for the AD bit (RFC 6840 §5.7).
 *
 * @param name lower case
 * @param edns false for a server that answered EDNS0 with FORMERR (RFC 6891 §7)
 */
export function buildQuery(name: string, type: QueryType, edns: boolean): DnsQuery {
  const id = randomInt(0x10000);
  const octets = encode({
    type: "query",
    id,
    flags: RECURSION_DESIRED | AUTHENTIC_DATA,
    questions: [{ name, type, class: "IN" }],
    additionals: edns
      ? [
          {
            type: "OPT",
            name: ".",
            udpPayloadSize: UDP_PAYLOAD_OCTETS,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: DNSSEC_OK,
            flag_do: true,
            options: [],
          },
        ]
      : [],
  });
  return { id, name, type, octets };
}

/**
 * Reads a packet as the response to this query.
 *
 * @returns null when it is something else: garbage, another id, another question (RFC 5452 §9.1)
 */
export function readResponse(octets: Buffer, query: DnsQuery): DnsResponse | null {
  let packet: DnsResponse;
  try {
    packet = decode(octets) as DnsResponse;
  } catch {
    return null;
  }
  if (!packet.flag_qr || packet.id !== query.id) return null;
  const questions = packet.questions as Question[];
  const [question] = questions;
  // A server that cannot read the query may leave the question out.
  if (question === undefined) return packet.rcode === "FORMERR" ? packet : null;
  const same = question.name.toLowerCase() === query.name && question.type === query.type;
  return same && questions.length === 1 && question.class === "IN" ? packet : null;
}

/** Turns the response into an answer: follows the CNAME chain in it and collects what the chain ends in. */
export function readAnswer<T>(
  response: DnsResponse,
  query: DnsQuery,
  read: (data: unknown) => T,
  trustAuthenticatedData: boolean,
): DnsAnswer<T> {
  if (response.rcode !== "NOERROR" && response.rcode !== "NXDOMAIN") {
    return { kind: "failure", detail: `the server answered ${response.rcode}` };
  }
  const authenticated = trustAuthenticatedData && response.flag_ad;
  const answers = response.answers as Answer[];
  let owner = query.name;
  let ttlSeconds = Number.POSITIVE_INFINITY;
  for (let links = 0; links <= MAX_CNAME_LINKS; links++) {
    const here = answers.filter((answer) => "class" in answer && sameName(answer.name, owner));
    const records = here.filter((answer) => answer.type === query.type);
    if (records.length > 0) {
      for (const record of records) ttlSeconds = Math.min(ttlSeconds, ttlOf(record));
      return {
        kind: "records",
        records: records.map((record) => read(dataOf(record))),
        authenticated,
        ...(owner === query.name ? {} : { canonicalName: owner }),
        ttlSeconds,
      };
    }
    const alias = here.find((answer) => answer.type === "CNAME");
    if (alias === undefined) return emptyAnswer(response, authenticated, ttlSeconds);
    ttlSeconds = Math.min(ttlSeconds, ttlOf(alias));
    owner = lowerName(dataOf(alias) as string);
  }
  return { kind: "failure", detail: `the chain of CNAME records is longer than ${MAX_CNAME_LINKS}` };
}

function emptyAnswer(
  response: DnsResponse,
  authenticated: boolean,
  chainTtlSeconds: number,
): DnsAnswer<never> {
  // A server that neither recurses nor owns the name sent us elsewhere: that is not "no such records".
  if (!response.flag_ra && !response.flag_aa)
    return { kind: "failure", detail: "the server does not recurse" };
  const soa = (response.authorities as Answer[]).find((authority) => authority.type === "SOA");
  // RFC 2308 §5: without SOA a negative answer is not kept.
  const ttlSeconds = soa?.type === "SOA" ? Math.min(ttlOf(soa), soa.data.minimum ?? 0) : 0;
  return {
    kind: response.rcode === "NXDOMAIN" ? "nxdomain" : "nodata",
    authenticated,
    ttlSeconds: Math.min(ttlSeconds, chainTtlSeconds),
  };
}

function ttlOf(answer: Answer): number {
  // RFC 2181 §8: a TTL with the top bit set is zero.
  const ttl = "ttl" in answer ? (answer.ttl ?? 0) : 0;
  return ttl > 0x7fffffff ? 0 : ttl;
}

function dataOf(answer: Answer): unknown {
  return "data" in answer ? answer.data : null;
}

function sameName(a: string, b: string): boolean {
  return lowerName(a) === b;
}

function lowerName(name: string): string {
  return name === "." ? name : name.replace(/\.$/, "").toLowerCase();
}

export function readAddress(data: unknown): string {
  return data as string;
}

export function readMx(data: unknown): MxRecord {
  const { preference, exchange } = data as { preference: number; exchange: string };
  return { preference, exchange: lowerName(exchange) };
}

export function readTxt(data: unknown): string {
  return Buffer.concat(data as Buffer[]).toString("latin1");
}

export function readName(data: unknown): string {
  return lowerName(data as string);
}

export function readSrv(data: unknown): SrvRecord {
  const { priority, weight, port, target } = data as SrvRecord;
  return { priority, weight, port, target: lowerName(target) };
}

export function readTlsa(data: unknown): TlsaRecord {
  const { usage, selector, matchingType, certificate } = data as TlsaRecord & { certificate: Buffer };
  return { usage, selector, matchingType, data: certificate };
}
