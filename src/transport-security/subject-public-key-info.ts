/**
 * The SubjectPublicKeyInfo of a certificate (RFC 5280 §4.1) as its octets stand: what selector 1 of a TLSA record is
 * about. Node would write the key anew, and does not know every algorithm.
 *
 * @returns null when this is no certificate
 */
export function subjectPublicKeyInfo(certificate: Uint8Array): Uint8Array | null {
  const whole = element(certificate, 0);
  const signed = whole && element(certificate, whole.start);
  if (whole?.tag !== sequence || signed?.tag !== sequence) return null;
  let at = signed.start;
  // version [0], serialNumber, signature, issuer, validity, subject: the version may be missing.
  const first = element(certificate, at);
  const before = first?.tag === version ? 6 : 5;
  for (let skipped = 0; skipped < before; skipped++) {
    const field = element(certificate, at);
    if (field === null) return null;
    at = field.end;
  }
  const found = element(certificate, at);
  return found?.tag === sequence && found.end <= signed.end ? certificate.subarray(at, found.end) : null;
}

const sequence = 0x30;
const version = 0xa0;

interface Element {
  readonly tag: number;
  /** Where its content begins. */
  readonly start: number;
  readonly end: number;
}

/** One DER element (X.690 §8.1); null where there is none. */
function element(octets: Uint8Array, at: number): Element | null {
  const tag = octets[at];
  const short = octets[at + 1];
  if (tag === undefined || short === undefined) return null;
  if (short < 0x80) return within(octets, tag, at + 2, short);
  const lengthOctets = short & 0x7f;
  if (lengthOctets === 0 || lengthOctets > 4) return null;
  let length = 0;
  for (let index = 0; index < lengthOctets; index++) {
    const next = octets[at + 2 + index];
    if (next === undefined) return null;
    length = length * 256 + next;
  }
  return within(octets, tag, at + 2 + lengthOctets, length);
}

function within(octets: Uint8Array, tag: number, start: number, length: number): Element | null {
  return start + length <= octets.length ? { tag, start, end: start + length } : null;
}
