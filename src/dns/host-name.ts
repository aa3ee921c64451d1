const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Is this the name of a host (RFC 1123 §2.1): LDH labels, at most 253 octets, and not an IPv4
 * address? Names out of MX, SRV and `-FW` are asked before anything connects to them.
 *
 * @param name lower case, without a final dot
 */
export function isHostName(name: string): boolean {
  const labels = name.split(".");
  if (name.length > 253) return false;
  // RFC 1123 §2.1: no top-level label is all digits, so such a name is an address or a mistake.
  return labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) as string);
}

/** Can the name be asked for at all: labels of 1–63 printable octets, at most 253 in all (RFC 1035 §2.3.4)? */
export function isDnsName(name: string): boolean {
  return name.length <= 253 && name.split(".").every((label) => /^[!-~]{1,63}$/.test(label));
}
