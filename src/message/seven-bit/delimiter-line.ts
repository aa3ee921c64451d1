/**
 * What a line is to a multipart. "ambiguous" begins with its delimiter and goes on: some readers take it for one
 * (RFC 2046 §5.1.1 tells them to compare the beginning only), others do not.
 *
 * @param delimiter "--" and the boundary
 */
export function delimiterKind(line: Buffer, delimiter: Buffer): "none" | "separator" | "close" | "ambiguous" {
  if (!beginsWith(line, delimiter)) return "none";
  const rest = line.toString("latin1", delimiter.length);
  if (/^[ \t]*$/.test(rest)) return "separator";
  return /^--[ \t]*$/.test(rest) ? "close" : "ambiguous";
}

/** One delimiter is the beginning of the other, or the same: readers disagree on which one a line is. */
export function delimitersClash(one: Buffer, other: Buffer): boolean {
  return beginsWith(one, other) || beginsWith(other, one);
}

function beginsWith(octets: Buffer, beginning: Buffer): boolean {
  return (
    octets.length >= beginning.length && octets.compare(beginning, 0, undefined, 0, beginning.length) === 0
  );
}
