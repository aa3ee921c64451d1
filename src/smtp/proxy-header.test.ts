import assert from "node:assert/strict";
import { isIPv4 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalIp } from "./client-identity.ts";
import { formatProxyHeader, type ProxyHeader, readProxyHeader } from "./proxy-header.ts";

const signature = "\r\n\r\n\0\r\nQUIT\n";
const read = (text: string) => readProxyHeader(Buffer.from(text, "latin1"));

/** What a whole header comes to, or why it is none. */
function outcome(text: string): ProxyHeader | string {
  const step = read(text);
  return step.kind === "header" ? step.header : step.kind === "fault" ? step.detail : "more";
}

const client = (address: string, port: number) => ({ kind: "client", source: { address, port } });

test("version 1: the examples of the specification, and its limits (proxy-protocol.txt §2.1)", () => {
  const good: [line: string, header: unknown][] = [
    ["TCP4 192.168.0.1 192.168.0.11 56324 443", client("192.168.0.1", 56324)],
    ["TCP4 255.255.255.255 255.255.255.255 65535 65535", client("255.255.255.255", 65535)],
    ["TCP4 192.0.2.1 192.0.2.2 0 25", client("192.0.2.1", 0)],
    ["TCP6 2001:DB8::1 2001:db8:0:0:0:0:0:2 1 25", client("2001:db8::1", 1)],
    ["TCP6 ::ffff:192.0.2.1 ::1 1 25", client("192.0.2.1", 1)],
    ["UNKNOWN", { kind: "unknown" }],
    [`UNKNOWN ${"f".repeat(39)} ${"f".repeat(39)} 65535 65535`, { kind: "unknown" }],
  ];
  for (const [line, header] of good) {
    assert.deepEqual(read(`PROXY ${line}\r\nEHLO x\r\n`), {
      kind: "header",
      header,
      octets: line.length + "PROXY \r\n".length,
    });
  }
  const malformed = [
    "",
    "TCP4",
    "TCP4 192.0.2.1 192.0.2.2 1",
    "TCP4 192.0.2.1 192.0.2.2 1 25 ",
    "TCP4 192.0.2.1 192.0.2.2 1 25 x",
    "TCP4  192.0.2.1 192.0.2.2 1 25",
    "TCP4 192.0.2.01 192.0.2.2 1 25",
    "TCP4 192.0.2.1 192.0.2.2 01 25",
    "TCP4 192.0.2.1 192.0.2.2 65536 25",
    "TCP4 192.0.2.1 192.0.2.2 -1 25",
    "TCP4 192.0.2 192.0.2.2 1 25",
    "TCP4 2001:db8::1 2001:db8::2 1 25",
    "TCP6 192.0.2.1 192.0.2.2 1 25",
    "TCP6 fe80::1%eth0 ::1 1 25",
    "TCP6 ::1 fe80::1%eth0 1 25",
    "TCP4 192.0.2.1\n 192.0.2.2 1 25",
    "UNKNOWNS",
    "UDP4 192.0.2.1 192.0.2.2 1 25",
    "tcp4 192.0.2.1 192.0.2.2 1 25",
  ];
  for (const line of malformed) assert.match(outcome(`PROXY ${line}\r\n`) as string, /malformed/, line);
  assert.match(outcome("PROXY TCP4 192.0.2.1 192.0.2.2 1 25\nEHLO x\r\n") as string, /malformed/);
  assert.match(outcome(`PROXY UNKNOWN ${"x".repeat(107)}\r\n`) as string, /no CRLF in the first 107/);
  for (const other of ["EHLO x\r\n", "proxy TCP4", "PROXYTCP4", "\x16\x03\x01", "\0", " PROXY "]) {
    assert.match(outcome(other) as string, /does not begin with a PROXY header/);
  }
});

/** A header of version 2, from its 13th octet on. */
const binary = (command: number, family: number, block: number[], length = block.length) =>
  signature + String.fromCharCode(command, family, length >> 8, length & 255, ...block);
const ipv4 = [192, 0, 2, 1, 192, 0, 2, 2, 1, 2, 0, 25];
const ipv6 = [...Array<number>(30).fill(0), 0, 2, 1, 2, 0, 25].with(15, 7);

test("version 2: families, commands, what follows addresses, lengths (proxy-protocol.txt §2.2)", () => {
  assert.deepEqual(outcome(binary(0x21, 0x11, ipv4)), client("192.0.2.1", 258));
  assert.deepEqual(outcome(binary(0x21, 0x21, ipv6)), client("::7", 258));
  const more = [...ipv4, 0x04, 0, 3, 1, 2, 3];
  assert.deepEqual(read(`${binary(0x21, 0x11, more)}220`), {
    kind: "header",
    header: client("192.0.2.1", 258),
    octets: 16 + more.length,
  });
  assert.deepEqual(
    outcome(binary(0x20, 0x11, ipv4)),
    { kind: "own" },
    "LOCAL: the addresses are not looked at",
  );
  assert.deepEqual(outcome(binary(0x20, 0, [])), { kind: "own" });
  for (const [family, length] of [
    [0x00, 0],
    [0x10, 12],
    [0x12, 12],
    [0x22, 36],
    [0x31, 216],
    [0x32, 216],
  ] as const) {
    assert.deepEqual(outcome(binary(0x21, family, Array<number>(length).fill(1))), { kind: "unknown" });
  }
  for (const command of [0x00, 0x01, 0x11, 0x22, 0x2f, 0x31, 0xff]) {
    assert.match(outcome(binary(command, 0x11, ipv4)) as string, /version and command/);
  }
  for (const family of [0x41, 0x13, 0xf1, 0x1f]) {
    assert.match(outcome(binary(0x21, family, ipv4)) as string, /unknown/);
  }
  assert.match(outcome(binary(0x21, 0x11, ipv4.slice(1))) as string, /without its addresses/);
  assert.match(outcome(binary(0x21, 0x21, ipv4)) as string, /without its addresses/);
  assert.match(outcome(binary(0x21, 0x11, [], 4081)) as string, /a PROXY header of 4097 octets/);
  assert.equal(outcome(binary(0x21, 0x11, [], 4080)), "more");
});

const ip = fc.oneof(fc.ipV4(), fc.ipV6());
const place = fc.record({ address: ip, port: fc.nat(65535) });
const headers = fc.record({
  version: fc.constantFrom(1 as const, 2 as const),
  connection: fc.option(fc.record({ source: place, destination: place })),
});

test("what one side writes the other reads, however it is cut", () => {
  fc.assert(
    fc.property(headers, fc.string({ unit: "binary" }), (options, rest) => {
      const octets = formatProxyHeader(options);
      assert.ok(octets.length <= (options.version === 1 ? 107 : 52));
      for (let length = 0; length < octets.length; length++) {
        assert.equal(readProxyHeader(octets.subarray(0, length)).kind, "more");
      }
      const step = readProxyHeader(Buffer.concat([octets, Buffer.from(rest, "latin1")]));
      const { connection, version } = options;
      const header =
        connection === null
          ? { kind: version === 1 ? "unknown" : "own" }
          : client(canonicalIp(connection.source.address) as string, connection.source.port);
      assert.deepEqual(step, { kind: "header", header, octets: octets.length });
    }),
  );
});

test("any octets are a header, the beginning of one, or a fault", () => {
  const beginnings = fc.constantFrom("", "PROXY ", "PROXY TCP4 ", signature, `${signature}\x21\x11\0`);
  fc.assert(
    fc.property(beginnings, fc.uint8Array({ maxLength: 300 }), (beginning, octets) => {
      const all = Buffer.concat([Buffer.from(beginning, "latin1"), octets]);
      const step = readProxyHeader(all);
      if (step.kind === "more") assert.ok(all.length < 4096);
      if (step.kind !== "header") return;
      assert.ok(step.octets <= all.length);
      if (step.header.kind !== "client") return;
      const { address, port } = step.header.source;
      assert.equal(canonicalIp(address), address);
      assert.ok(port >= 0 && port <= 65535);
    }),
  );
});

test("addresses have one form", () => {
  fc.assert(
    fc.property(ip, (address) => {
      const canonical = canonicalIp(address) as string;
      assert.equal(canonicalIp(canonical), canonical);
      assert.equal(canonicalIp(address.toUpperCase()), canonical);
      assert.ok(isIPv4(address) ? canonical === address : !canonical.startsWith("::ffff:1.2."));
    }),
  );
  assert.equal(canonicalIp("::FFFF:192.0.2.1"), "192.0.2.1");
  for (const none of ["", "1.2", "localhost", "[::1]", "fe80::1%lo", "192.0.2.1 ", "1.2.3.4/8"]) {
    assert.equal(canonicalIp(none), null, none);
  }
});
