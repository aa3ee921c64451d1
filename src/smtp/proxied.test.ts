import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { formatProxyHeader } from "./proxy-header.ts";
import { everything, start, trusted } from "./test-identity.ts";
import { sendMessage, Talker } from "./test-peers.ts";

// The PROXY protocol: hosts that begin a connection by saying whose it is, and for whom connections count.

/** A proxy whose header goes out together with the first that the client says. */
async function proxy(t: TestContext, header: Buffer, to: number): Promise<number> {
  const relay = createServer((client) => {
    client.once("data", (first) => {
      const onward = connect(to, "127.0.0.1");
      onward.write(Buffer.concat([header, first]));
      client.pipe(onward).pipe(client);
      for (const socket of [client, onward]) socket.on("error", () => {});
    });
  });
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  t.after(() => relay.close());
  return (relay.address() as AddressInfo).port;
}

test("PROXY: the client is whom it names, in both versions and with TLS from the first octet", async (t) => {
  const options = { trusted: { proxyProtocol: trusted } };
  const plain = await start(options);
  const implicit = await start({ ...options, tlsMode: "implicit" });
  t.after(() => Promise.all([plain.server.close(0), implicit.server.close(0)]));
  const destination = { address: "192.0.2.2", port: 25 };
  for (const version of [1, 2] as const) {
    for (const source of [
      { address: "203.0.113.9", port: 4711 },
      { address: "2001:db8::9", port: 4712 },
    ]) {
      const header = formatProxyHeader({ version, connection: { source, destination } });
      const talker = await Talker.connect(plain.port);
      // In single octets, and nothing is said before the last.
      for (const octet of header) {
        talker.socket.write(Buffer.of(octet));
        if (octet === 0x20) await new Promise(setImmediate);
      }
      assert.match(await talker.reply(), /^220/);
      await talker.ask("EHLO client.test");
      await sendMessage(talker);
      talker.destroy();
      const secured = await Talker.connect(await proxy(t, header, implicit.port));
      await secured.startTls();
      assert.match(await secured.reply(), /^220/);
      await secured.ask("EHLO client.test");
      await sendMessage(secured);
      secured.destroy();
    }
  }
  const named = [
    ["203.0.113.9", 4711],
    ["2001:db8::9", 4712],
  ];
  for (const { seen } of [plain, implicit]) {
    assert.deepEqual(
      seen.map(({ remoteAddress, remotePort, proxiedBy }) => [remoteAddress, remotePort, proxiedBy]),
      [...named, ...named].map((place) => [...place, "127.0.0.1"]),
    );
  }
});

test("PROXY: none in time, a bad one, one that breaks off, words behind it before the greeting", async (t) => {
  const { server, port, events, seen } = await start({
    trusted: { proxyProtocol: trusted },
    deadlines: { proxyHeaderMs: 100 },
  });
  t.after(() => server.close(0));
  const faults: [words: string, detail: RegExp][] = [
    ["", /in time/],
    ["PROXY TCP4", /in time/],
    ["EHLO client.test\r\n", /does not begin with/],
    ["PROXY TCP4 a b 1 2\r\n", /malformed/],
    [`PROXY TCP4 ${"1".repeat(200)}`, /no CRLF/],
  ];
  for (const [words, detail] of faults) {
    const talker = await Talker.connect(port);
    if (words !== "") talker.send(words);
    assert.equal(await talker.rest(), "", words);
    const event = events.at(-1);
    assert.ok(event?.kind === "proxy-header-missing" && detail.test(event.detail), words);
  }
  const broken = await Talker.connect(port);
  broken.send("PROXY TCP4 1");
  broken.end();
  assert.equal(await broken.rest(), "");
  const gone = await Talker.connect(port);
  gone.end();
  assert.equal(await gone.rest(), "");
  const details = events.flatMap((event) => (event.kind === "proxy-header-missing" ? [event.detail] : []));
  assert.equal(details.length, faults.length + 1);
  assert.match(details.at(-1) ?? "", /breaks off/);
  assert.ok(!events.some(({ kind }) => kind === "connected"));
  const early = await Talker.connect(port);
  early.send("PROXY TCP4 203.0.113.9 192.0.2.2 1 25\r\nEHLO client.test\r\n");
  assert.match(await early.rest(), /^554 5\.5\.1 You spoke before the greeting/);
  assert.equal(seen.length, 0);
});

test("PROXY: whom it does not name has none of the proxy's rights, who is named has his own", async (t) => {
  const { server, port, seen } = await start({ trusted: { ...everything, proxyProtocol: trusted } });
  t.after(() => server.close(0));
  const greeted = async (header: string | Buffer) => {
    const talker = await Talker.connect(port);
    talker.socket.write(header);
    await talker.reply();
    return { talker, ehlo: await talker.ask("EHLO client.test") };
  };
  const local = formatProxyHeader({ version: 2, connection: null });
  for (const header of ["PROXY UNKNOWN\r\n", local, "PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n"]) {
    const { talker, ehlo } = await greeted(header);
    assert.doesNotMatch(ehlo, /XCLIENT|XFORWARD/);
    assert.match(await talker.ask("XCLIENT LOGIN=alice"), /^502/);
    await sendMessage(talker);
  }
  const { talker, ehlo } = await greeted("PROXY TCP4 127.0.0.1 127.0.0.1 1 25\r\n");
  assert.match(ehlo, /XCLIENT/);
  await talker.ask("XFORWARD ADDR=198.51.100.1");
  await sendMessage(talker);
  assert.deepEqual(
    seen.map(({ remoteAddress, proxiedBy }) => [remoteAddress, proxiedBy]),
    [
      ["127.0.0.1", null],
      ["127.0.0.1", null],
      ["192.0.2.1", "127.0.0.1"],
      ["198.51.100.1", "127.0.0.1"],
    ],
  );
});

test("connections count for the client that is named, not for who brings it", async (t) => {
  const { server, port, events } = await start({
    trusted: { ...everything, proxyProtocol: (address) => address === "127.0.0.3" },
    limits: { connectionsPerAddress: 2, connections: 8 },
  });
  t.after(() => server.close(0));
  const xclient = async (address: string) => {
    const talker = await Talker.hello(port);
    return { talker, answer: await talker.ask(`XCLIENT ADDR=${address}`) };
  };
  for (const address of ["192.0.2.1", "192.0.2.1", "192.0.2.2"]) {
    assert.match((await xclient(address)).answer, /^220/);
  }
  const third = await xclient("192.0.2.1");
  assert.match(third.answer, /^421 4\.7\.0 Too many connections/);
  await third.talker.rest();
  const proxied = await Talker.connect(port, "127.0.0.3");
  proxied.send("PROXY TCP4 192.0.2.1 192.0.2.9 1 25\r\n");
  assert.match(await proxied.rest(), /^421 4\.7\.0 Too many connections/);
  const other = await Talker.connect(port, "127.0.0.3");
  other.send("PROXY TCP4 192.0.2.2 192.0.2.9 1 25\r\n");
  assert.match(await other.reply(), /^220/);
  assert.deepEqual(
    events.flatMap((event) => (event.kind === "refused" ? [[event.remoteAddress, event.reason]] : [])),
    [["192.0.2.1", "connections-per-address"]],
  );
  // Places for those who are not named yet are bounded, too.
  const waiting = await Promise.all(Array.from({ length: 5 }, () => Talker.connect(port, "127.0.0.3")));
  assert.match((await Promise.race(waiting.map((talker) => talker.rest()))) as string, /^421/);
  for (const talker of waiting) talker.destroy();
});
