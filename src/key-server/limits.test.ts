import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KeyServerOptions } from "./index.ts";
import { OctetSlab } from "./octet-slab.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { TestClient } from "./test-client.ts";
import { kid, roots, secured, start } from "./test-public-interface.ts";

describe("limits", () => {
  test("connections, in all and from one network: [BUSY] or -FW (KEY-37)", async () => {
    const overflow = { host: "keys.someisp.tld", port: 8757 };
    const { server, port } = await start({ limits: { connections: 1 } });
    const first = new TestClient(port);
    await first.expect("+OK VSMTP/1\r\n");
    const second = new TestClient(port);
    await second.expect("-ERR [BUSY] too many connections\r\n");
    await second.expectClose();
    server.setMode({ kind: "serve", overflow });
    const third = new TestClient(port);
    await third.expect("-FW keys.someisp.tld:8757\r\n");
    first.socket.destroy();
    while (server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const fourth = new TestClient(port);
    await fourth.expect("+OK VSMTP/1\r\n");
    fourth.socket.destroy();
    fourth.socket.destroy();
    const half = { kind: "serve", overflow, overflowAbove: 0.5 } as const;
    const shared = await start({ limits: { connections: 4 }, mode: half });
    const taken = [new TestClient(shared.port), new TestClient(shared.port)];
    for (const client of taken) await client.expect("+OK VSMTP/1\r\n");
    await new TestClient(shared.port).expect("-FW keys.someisp.tld:8757\r\n");
    for (const client of taken) client.socket.destroy();
    const narrow = await start({ limits: { connectionsPerPrefix: 1 }, mode: { kind: "serve", overflow } });
    const one = new TestClient(narrow.port);
    await one.expect("+OK VSMTP/1\r\n");
    await new TestClient(narrow.port).expect("-ERR [BUSY] too many connections\r\n");
    one.socket.destroy();
    const exempt = await start({
      limits: { connectionsPerPrefix: 1, costPerMinute: 1, exempt: ["127.0.0.0/8"] },
    });
    const several = await Promise.all([secured(exempt.port, ""), secured(exempt.port, "")]);
    for (const client of several) {
      for (let n = 0; n < 3; n++) {
        client.send(`KEY nobody@someisp.tld ${kid}\r\n`);
        await client.expect("-ERR [NOKEY] unknown\r\n");
      }
      client.socket.destroy();
    }
  });

  test("a network that asked too much gets [RATE] until time has passed (KEY-37)", async () => {
    let nowMs = 1073304000_000;
    const { port } = await start({ limits: { costPerMinute: 60 }, nowMs: () => nowMs });
    const wire = await secured(port, "");
    for (let n = 0; n < 7; n++) wire.send(`KEY nobody@someisp.tld ${kid}\r\n`);
    const refused = "-ERR [NOKEY] unknown\r\n";
    while (wire.received.length < 7 * refused.length) await new Promise((resolve) => setTimeout(resolve, 1));
    wire.received = "";
    wire.send(`KEY allice@someisp.tld ${kid}\r\n`);
    await wire.expect("-ERR [RATE] too many requests, come back later\r\n");
    nowMs += 60_000;
    wire.send("NOOP\r\n");
    await wire.expect("+OK\r\n");
    wire.send("KEY nobody@someisp.tld\r\n");
    while (!wire.received.endsWith(".\r\n")) await new Promise((resolve) => setTimeout(resolve, 1));
    wire.socket.destroy();
  });

  test("octets behind STLS drop the connection (KEY-11)", async () => {
    const { port } = await start();
    const wire = new TestClient(port);
    await wire.expect("+OK VSMTP/1\r\n");
    wire.send("STLS\r\nCAPA\r\n");
    await wire.expectClose();
    assert.equal(wire.received, "");
  });

  test("a handshake with another ALPN protocol fails (KEY-13), and plain text in it is reported", async () => {
    const events: string[] = [];
    const { port } = await start({ onEvent: (event) => events.push(event.kind) });
    const wire = new TestClient(port);
    await wire.expect("+OK VSMTP/1\r\n");
    await assert.rejects(wire.startTls(roots, ["smtp"]));
    const silent = new TestClient(port);
    await silent.expect("+OK VSMTP/1\r\n");
    await silent.startTls(roots, []);
    await silent.expectClose();
    const plain = new TestClient(port);
    await plain.expect("+OK VSMTP/1\r\n");
    plain.send("STLS\r\n");
    await plain.expect("+OK begin\r\n");
    plain.send("KEY allice@someisp.tld\r\n");
    await plain.expectClose();
    assert.deepEqual(events, ["tls-failed", "tls-failed", "tls-failed"]);
  });

  test("idle clients, and those that only drip, are let go (KEY-16); options outside the protocol are refused", async () => {
    let nowMs = 0;
    const { port } = await start({ nowMs: () => nowMs, limits: { idleMs: 30_000 } });
    const wire = new TestClient(port);
    await wire.expect("+OK VSMTP/1\r\n");
    nowMs = 29_000;
    wire.send("NO");
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(wire.closed, false);
    nowMs = 30_001;
    await wire.expectClose();
    const wrong: Partial<KeyServerOptions>[] = [
      { limits: { idleMs: 29_999 } },
      { limits: { requests: 1001 } },
      { ttlSeconds: 59 },
      { ttlSeconds: 86_401 },
      { decoySecret: Buffer.alloc(15) },
      { limits: { exempt: ["192.0.2.0"] } },
    ];
    for (const options of wrong)
      await assert.rejects(start(options), { name: /Error/ }, JSON.stringify(options));
  });

  test("close lets replies out and ends", async () => {
    const { server, port } = await start();
    const wire = await secured(port, "");
    wire.send("NOOP\r\n");
    await wire.expect("+OK\r\n");
    await Promise.all([server.close(200), wire.expectClose()]);
    assert.equal(server.connections, 0);
  });

  test("no limit is no limit", () => {
    const unlimited = new RateLimiter(Number.POSITIVE_INFINITY, () => 0);
    assert.ok(unlimited.spend(unlimited.of("x"), 1e9));
  });
});

test("text becomes octets side by side, whatever its length", () => {
  const slab = new OctetSlab();
  const texts = Array.from({ length: 300 }, (_, n) => `${n}\u00ff`.repeat((n * 97) % 7000));
  const octets = texts.map((text) => slab.octets(text));
  texts.forEach((text, n) => {
    assert.equal(octets[n]?.toString("latin1"), text);
  });
});
