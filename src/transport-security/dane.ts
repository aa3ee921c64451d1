import { createPublicKey, hash, type KeyObject, X509Certificate } from "node:crypto";
import type { TlsaRecord } from "../dns/index.ts";
import { subjectPublicKeyInfo } from "./subject-public-key-info.ts";

/** A longer chain is not looked at beyond: no server needs as many. */
const maxCertificates = 10;
const daneTa = 2;
const daneEe = 3;

/**
 * Whether a server's certificates are what TLSA records say (RFC 7672 §3.1): any one record suffices. DANE-EE is about
 * the server's certificate alone, whatever names and dates it has; with DANE-TA it has to be valid now, for one of the
 * names, and issued by what the record names.
 *
 * @param records usable ones
 * @param chain DER, the server's own first
 * @param names what the certificate may be for, in A-labels (RFC 7672 §3.2.2)
 * @returns null when it is; else why not, for people
 */
export function judgeDane(
  records: readonly TlsaRecord[],
  chain: readonly Uint8Array[],
  names: readonly string[],
  nowMs: number,
): string | null {
  const [own, ...others] = chain.slice(0, maxCertificates);
  if (own === undefined) return "the server showed no certificate";
  if (records.some((record) => record.usage === daneEe && matches(record, own))) return null;
  const anchors = records.filter(({ usage }) => usage === daneTa);
  if (anchors.length === 0) return "the certificate is none of those in the TLSA records";
  const leaf = read(own);
  const issuers = others.map(read).filter((certificate) => certificate !== null);
  if (leaf === null || !isAnchored(leaf, issuers, anchors, nowMs)) {
    return "no chain of valid certificates leads to one in the TLSA records";
  }
  if (!allowsServers(leaf)) return "the certificate is not one for servers";
  if (names.some((name) => leaf.checkHost(name, exactNames) !== undefined)) return null;
  return `the certificate is for none of ${names.join(", ")}`;
}

/** RFC 7672 §3.2.3: a wildcard stands for the whole first label; the common name counts where there are no other names. */
const exactNames = { subject: "default", partialWildcards: false } as const;

/** RFC 6698 §2.1.2, §2.1.3. */
function matches({ selector, matchingType, data }: TlsaRecord, certificate: Uint8Array): boolean {
  const selected = selector === 0 ? certificate : subjectPublicKeyInfo(certificate);
  if (selected === null) return false;
  const expected =
    matchingType === 0 ? selected : hash(matchingType === 1 ? "sha256" : "sha512", selected, "buffer");
  return Buffer.compare(expected, data) === 0;
}

/**
 * Whether a chain of certificates that are valid now leads from the server's own to one that a record names. That is not
 * its own, which would be DANE-EE. Each certificate is looked at once, so that no set of them is much work.
 */
function isAnchored(
  own: X509Certificate,
  issuers: readonly X509Certificate[],
  anchors: readonly TlsaRecord[],
  nowMs: number,
): boolean {
  const reached = new Set([own]);
  for (const certificate of reached) {
    if (!isCurrent(certificate, nowMs)) continue;
    if (certificate !== own && anchors.some((record) => matches(record, certificate.raw))) return true;
    // RFC 7672 §3.1.2: a server need not send what the record holds whole.
    if (anchors.some((record) => holdsIssuerOf(certificate, record, nowMs))) return true;
    for (const issuer of issuers) {
      if (!reached.has(issuer) && isIssuedBy(certificate, issuer)) reached.add(issuer);
    }
  }
  return false;
}

function holdsIssuerOf(certificate: X509Certificate, record: TlsaRecord, nowMs: number): boolean {
  if (record.matchingType !== 0) return false;
  if (record.selector === 0) {
    const issuer = read(record.data);
    return issuer !== null && isCurrent(issuer, nowMs) && isIssuedBy(certificate, issuer);
  }
  return isSignedBy(certificate, () =>
    createPublicKey({ key: Buffer.from(record.data), format: "der", type: "spki" }),
  );
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && isSignedBy(certificate, () => issuer.publicKey);
}

/** Keys of algorithms that are not known here sign nothing. */
function isSignedBy(certificate: X509Certificate, key: () => KeyObject): boolean {
  try {
    return certificate.verify(key());
  } catch {
    return false;
  }
}

function isCurrent({ validFromDate, validToDate }: X509Certificate, nowMs: number): boolean {
  return validFromDate.getTime() <= nowMs && nowMs <= validToDate.getTime();
}

/** RFC 5280 §4.2.1.12: id-kp-serverAuth or any, where uses are named at all. */
function allowsServers({ keyUsage }: X509Certificate): boolean {
  const uses = keyUsage as readonly string[] | undefined;
  return !uses || uses.includes("1.3.6.1.5.5.7.3.1") || uses.includes("2.5.29.37.0");
}

function read(der: Uint8Array): X509Certificate | null {
  try {
    return new X509Certificate(der);
  } catch {
    return null;
  }
}
