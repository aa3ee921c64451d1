import type { Answer } from "dns-packet";
import type { SrvRecord, TlsaRecord } from "./resolver.ts";

/** The records of one name. TXT texts may hold any octet as a character up to U+00FF and be of any length. */
export interface NameRecords {
  readonly A?: readonly string[];
  readonly AAAA?: readonly string[];
  readonly MX?: readonly (readonly [preference: number, exchange: string])[];
  readonly TXT?: readonly string[];
  readonly SRV?: readonly SrvRecord[];
  readonly TLSA?: readonly TlsaRecord[];
  readonly PTR?: readonly string[];
  readonly CNAME?: string;
  readonly ttlSeconds?: number;
}

/** The records of one name and type, ready to be sent. */
export function recordsOf(name: string, type: string, records: NameRecords, ttlSeconds: number): Answer[] {
  const ttl = records.ttlSeconds ?? ttlSeconds;
  const common = { name, ttl, class: "IN" as const };
  switch (type) {
    case "A":
    case "AAAA":
      return (records[type] ?? []).map((data) => ({ ...common, type, data }));
    case "CNAME":
      return records.CNAME === undefined ? [] : [{ ...common, type, data: records.CNAME }];
    case "MX":
      return (records.MX ?? []).map(([preference, exchange]) => ({
        ...common,
        type,
        data: { preference, exchange },
      }));
    case "TXT":
      return (records.TXT ?? []).map((text) => ({ ...common, type, data: characterStrings(text) }));
    case "SRV":
      return (records.SRV ?? []).map((data) => ({ ...common, type, data }));
    case "TLSA":
      return (records.TLSA ?? []).map(({ data, ...rest }) => ({
        ...common,
        type,
        data: { ...rest, certificate: Buffer.from(data) },
      }));
    case "PTR":
      return (records.PTR ?? []).map((data) => ({ ...common, type, data }));
    default:
      return [];
  }
}

/** RFC 1035 §3.3.14: a text is a row of strings of at most 255 octets. */
function characterStrings(text: string): Buffer[] {
  const octets = Buffer.from(text, "latin1");
  const strings: Buffer[] = [];
  for (let at = 0; at < octets.length || strings.length === 0; at += 255)
    strings.push(octets.subarray(at, at + 255));
  return strings;
}
