// Random messages whose leaves are known, and a reader of MIME that knows nothing of ours.
import fc from "fast-check";

/** What a leaf says after decoding, and as it stands. */
export interface TestLeaf {
  readonly header: string;
  readonly decoded: Buffer;
  readonly raw: Buffer;
}

export interface TestMessage {
  readonly header: Buffer;
  readonly body: Buffer;
}

/** Splits at the first empty line. */
export function messageOf(octets: Buffer): TestMessage {
  if (octets.subarray(0, 2).toString() === "\r\n")
    return { header: Buffer.alloc(0), body: octets.subarray(2) };
  const end = octets.indexOf("\r\n\r\n");
  return end < 0
    ? { header: octets, body: Buffer.alloc(0) }
    : { header: octets.subarray(0, end + 2), body: octets.subarray(end + 4) };
}

/** All leaves in order, read whole and the slow way. */
export function leavesOf({ header, body }: TestMessage, digest = false): TestLeaf[] {
  const text = header.toString("latin1").replace(/\r\n(?=[ \t])/g, "");
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}[ \\t]*:[ \\t]*(.*)\\r$`, "im").exec(text)?.[1];
  const type = field("content-type") ?? (digest ? "message/rfc822" : "text/plain");
  const encoding = field("content-transfer-encoding")?.trim().toLowerCase() ?? "7bit";
  const boundary = /^multipart\/.*boundary="?([^";]+)/i.exec(type)?.[1];
  if (boundary !== undefined) {
    const pieces = partsOf(body, boundary);
    if (pieces !== null) {
      const inDigest = /^multipart\/digest/i.test(type);
      return pieces.flatMap((piece) => leavesOf(messageOf(piece), inDigest));
    }
  } else if (/^message\/(rfc822|global)/i.test(type)) return leavesOf(messageOf(body));
  return [{ header: text, decoded: decode(body, encoding), raw: body }];
}

/** The parts between delimiter lines; null without a last delimiter. */
function partsOf(body: Buffer, boundary: string): Buffer[] | null {
  const text = `\r\n${body.toString("latin1")}`;
  const escaped = boundary.replace(/[^A-Za-z0-9]/g, "\\$&");
  const parts: Buffer[] = [];
  let start: number | null = null;
  for (const found of text.matchAll(new RegExp(`\\r\\n--${escaped}(--)?[ \\t]*(?=\\r\\n|$)`, "g"))) {
    if (start !== null)
      parts.push(Buffer.from(text.slice(Math.min(start, found.index), found.index), "latin1"));
    start = found.index + found[0].length + 2;
    if (found[1] !== undefined) return parts;
  }
  return null;
}

function decode(body: Buffer, encoding: string): Buffer {
  const text = body.toString("latin1");
  if (encoding === "base64") return Buffer.from(text, "base64");
  if (encoding !== "quoted-printable") return body;
  const joined = text.replace(/[ \t]+(?=\r\n|$)/g, "").replace(/=\r\n/g, "");
  const decoded = joined.replace(/=([0-9A-F]{2})/g, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(decoded, "latin1");
}

const PIECES = [
  "a",
  "=",
  " ",
  "\t",
  ".",
  "From ",
  "-",
  "--",
  "ü",
  "日本",
  "\x00\x7f".slice(1),
  "word ",
  "x".repeat(60),
];
const line = fc
  .array(fc.constantFrom(...PIECES), { maxLength: 14 })
  .map((pieces) => Buffer.from(pieces.join("")));
const binaryLine = fc
  .uint8Array({ maxLength: 120 })
  .map((octets) =>
    Buffer.from(octets.map((octet) => (octet === 13 || octet === 10 || octet === 0 ? 1 : octet))),
  );

function lines(one: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc
    .array(one, { maxLength: 8 })
    .map((all) => Buffer.concat(all.flatMap((octets) => [octets, Buffer.from("\r\n")])));
}

interface Built {
  /** Header fields with their CRLFs, the empty line, the content. */
  readonly octets: Buffer;
}

function built(fields: readonly (string | null)[], content: Buffer): Built {
  const header = fields.flatMap((field) => (field === null ? [] : `${field}\r\n`)).join("");
  return { octets: Buffer.concat([Buffer.from(`${header}\r\n`), content]) };
}

const label = fc.constantFrom(null, "7bit", "8bit", "8BIT", "binary").map(labelField);

function labelField(encoding: string | null): string | null {
  return encoding === null ? null : `Content-Transfer-Encoding: ${encoding}`;
}

const leaf: fc.Arbitrary<Built> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(null, "Content-Type: text/html; charset=utf-8", "content-type: text/plain"),
      label,
      lines(line),
    )
    .map(([type, encoding, content]) => built([type, "X-Part: 1", encoding], content)),
  fc
    .tuple(label, fc.constantFrom("image/png", "application/pdf; name=a"), lines(binaryLine))
    .map(([encoding, type, content]) => built([encoding, `Content-Type: ${type}`], content)),
  fc
    .tuple(fc.constantFrom("text/plain", "image/png"), fc.uint8Array({ maxLength: 50 }))
    .map(([type, octets]) =>
      built(
        [`Content-Type: ${type}`, labelField("base64")],
        Buffer.from(Buffer.from(octets).toString("base64")),
      ),
    ),
);

let boundaries = 0;

/** A part or message: a leaf, a multipart, or a message in a message. */
const entity: fc.Arbitrary<Built> = fc.letrec<{ entity: Built }>((tie) => ({
  entity: fc.oneof(
    { maxDepth: 4, depthSize: "small", withCrossShrink: true },
    leaf,
    fc
      .record({
        subtype: fc.constantFrom("mixed", "alternative", "signed"),
        encoding: label,
        parts: fc.array(tie("entity"), { minLength: 1, maxLength: 4 }),
        preamble: fc.constantFrom("", "preamble\r\n"),
        epilogue: fc.constantFrom("", "epilogue\r\n", "üepilogue\r\n"),
      })
      .map(({ subtype, encoding, parts, preamble, epilogue }) => {
        const boundary = `=_${String(boundaries++ % 1e6).padStart(6, "0")}`;
        const delimiter = Buffer.from(`--${boundary}\r\n`);
        const inside = parts.flatMap((part) => [delimiter, part.octets, Buffer.from("\r\n")]);
        const close = Buffer.from(`--${boundary}--\r\n${epilogue}`);
        const content = Buffer.concat([Buffer.from(preamble), ...inside, close]);
        return built([`Content-Type: multipart/${subtype};\r\n boundary="${boundary}"`, encoding], content);
      }),
    fc
      .tuple(fc.constantFrom("message/rfc822", "message/global"), label, tie("entity"))
      .map(([type, encoding, inner]) => built([`Content-Type: ${type}`, encoding], inner.octets)),
  ),
})).entity;

/** Whole messages. */
export const mimeMessages: fc.Arbitrary<Buffer> = fc
  .tuple(fc.constantFrom("", "MIME-Version: 1.0\r\n"), entity)
  .map(([version, { octets }]) => Buffer.concat([Buffer.from(`From: a@x.tld\r\n${version}`), octets]));

const FRAGMENTS = [
  "--b",
  "--b--",
  "--b ",
  "--bb",
  "--c",
  "--c--",
  "-",
  "\r\n",
  "\r\n",
  "\r\n",
  "ü",
  "text",
  "Content-Type: multipart/mixed; boundary=b\r\n",
  "Content-Type: multipart/digest; boundary=c\r\n",
  "Content-Type: multipart/mixed; boundary=bb\r\n",
  "Content-Type: multipart/signed; boundary=c\r\n",
  "Content-Type: multipart/mixed\r\n",
  "Content-Type: message/rfc822\r\n",
  "Content-Type: text/plain\r\n",
  "Content-Transfer-Encoding: 8bit\r\n",
  "Content-Transfer-Encoding: binary\r\n",
  "Content-Transfer-Encoding: x-uuencode\r\n",
  "--b\r\n\r\nü\r\n--b\r\n",
  "\r\n--c\r\n\r\nü\r\n--c--\r\n",
];

/** Messages put together without sense. */
export const brokenMessages: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.constantFrom(...FRAGMENTS.filter((fragment) => fragment.startsWith("Content-Type"))),
    fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 30 }),
  )
  .map(([type, fragments]) => Buffer.from(`MIME-Version: 1.0\r\n${type}\r\n${fragments.join("")}`));
