import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { type TestContext, test } from "node:test";
import { reply, SmtpServer } from "../smtp/index.ts";
import { openLab } from "./test-lab.ts";
import { startServer } from "./test-network.ts";

const hasIpv6 = Object.values(networkInterfaces()).some((some) =>
  some?.some(({ address }) => address === "::1"),
);

test("a host with both kinds of addresses is reached by either (RFC 8305)", { skip: !hasIpv6 }, async (t) => {
  const remotes: string[] = [];
  const server = new SmtpServer({
    hostname: "mx.dest.test",
    tlsMode: "plain",
    handler: {
      connect: ({ remoteAddress }) => {
        remotes.push(remoteAddress);
        return null;
      },
      data: () => ({ write: () => {}, finish: () => reply(250, "2.0.0", "Taken"), abort: () => {} }),
    },
  });
  t.after(() => server.close(0));
  const { port } = await server.listen({ host: "::1", port: 0 });
  const lab = await openLab(t, { places: { "mx.dest.test:25": port } });
  lab.dns.set("dest.test", { MX: [[10, "mx.dest.test"]] });
  lab.dns.set("mx.dest.test", { A: ["127.0.0.1"], AAAA: ["::1"] });
  assert.match(await lab.send(), /^delivered/);
  assert.deepEqual(remotes, ["::1"]);
  assert.equal(lab.dialled.length, 1);

  const ipv4 = await startServer(t);
  const other = await openLab(t, { places: { "mx.dest.test:25": ipv4.port } });
  other.dns.set("dest.test", { MX: [[10, "mx.dest.test"]] });
  other.dns.set("mx.dest.test", { A: ["127.0.0.1"], AAAA: ["::1", "::2", "::3"] });
  assert.match(await other.send(), /^delivered/);
  assert.equal(other.dialled.length, 2);
});

test("a mail host under another name that is ourselves is no way on, nor are those less preferred (RFC 5321 §5.1)", async (t) => {
  const { port } = await startServer(t);
  const lab = await openLab(t, {
    places: { "first.test:25": port, "last.test:25": port },
    targets: { isOwnAddress: (address) => address === "127.0.0.9" },
  });
  lab.dns.set("first.test", { A: ["127.0.0.1"] });
  lab.dns.set("alias.test", { A: ["127.0.0.9"] });
  lab.dns.set("last.test", { A: ["127.0.0.1"] });
  lab.dns.set("loop.test", {
    MX: [
      [10, "alias.test"],
      [20, "last.test"],
    ],
  });
  assert.match(await lab.send({ destination: "loop.test" }), /^failed -: 5\.4\.6 /);
  assert.deepEqual(lab.dialled, []);
  lab.dns.set("backup.test", {
    MX: [
      [10, "first.test"],
      [20, "alias.test"],
      [30, "last.test"],
    ],
  });
  assert.match(await lab.send({ destination: "backup.test" }), /^delivered none: first\.test/);
  // A domain without MX that is ourselves, and is none of ours.
  assert.match(await lab.send({ destination: "alias.test" }), /^failed -: 5\.4\.6 /);
});

/** A server that knows no extension but those given. */
async function startPlain(t: TestContext, extensions: readonly string[]): Promise<number> {
  const server = createServer((socket) => {
    let inData = false;
    socket.on("error", () => {}).write("220 x\r\n");
    socket.on("data", (chunk) => {
      for (const line of chunk.toString("latin1").split("\r\n").slice(0, -1)) {
        if (inData) {
          if (line !== ".") continue;
          inData = false;
          socket.write("250 taken\r\n");
        } else if (line.startsWith("EHLO")) {
          socket.write(
            ["x", ...extensions]
              .map((text, at, all) => `250${at + 1 < all.length ? "-" : " "}${text}\r\n`)
              .join(""),
          );
        } else {
          inData = line === "DATA";
          socket.write(inData ? "354 go\r\n" : "250 ok\r\n");
        }
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as { port: number }).port;
}

test("what a host cannot take goes to another of the domain, else it fails; nothing is recoded", async (t) => {
  const old = await startPlain(t, []);
  const lab = await openLab(t, {
    places: { "old.test:25": old, "new.test:25": await startPlain(t, ["8BITMIME"]) },
  });
  lab.dns.set("old.test", { A: ["127.0.0.1"] });
  lab.dns.set("new.test", { A: ["127.0.0.1"] });
  lab.dns.set("dest.test", { MX: [[10, "old.test"]] });
  assert.match(await lab.send(), /^delivered/);
  assert.match(await lab.send({ body: "8bitmime" }), /^failed none: 5\.6\.3 /);
  lab.dns.set("dest.test", {
    MX: [
      [10, "old.test"],
      [20, "new.test"],
    ],
  });
  assert.match(await lab.send({ body: "8bitmime" }), /^delivered none: new\.test/);
  assert.match(await lab.send(), /^delivered none: old\.test/);
});

test("many hosts and addresses are not all tried", async (t) => {
  const lab = await openLab(t);
  const hosts = Array.from({ length: 12 }, (_, index) => `mx${index}.test`);
  lab.dns.set("dest.test", { MX: hosts.map((host, index) => [index, host]) });
  for (const host of hosts) lab.dns.set(host, { A: ["127.0.0.1", "127.0.0.2", "127.0.0.3"] });
  const { results, reach } = await lab.outcome();
  assert.equal(results[0]?.kind, "deferred");
  assert.equal(reach.kind, "failed");
  assert.equal(lab.dialled.length, 6);
  assert.equal(new Set(lab.dialled).size, 3);
});
