import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { NextHop } from "../config/index.ts";
import type { QueuedRecipient } from "../queue/index.ts";
import type { SmtpHandler } from "../smtp/index.ts";
import { type LabOptions, makeCertificate, openLab, tlsa, tlsOf } from "./test-lab.ts";
import { nextHop, startServer } from "./test-network.ts";

const authority = await makeCertificate(["Authority"], null, { authority: true });
const smart = await makeCertificate(["smart.test"], authority);
const other = await makeCertificate(["other.test"], authority);

/** Where all mail goes by one next hop, at port 2525 of smart.test. */
async function labWith(
  t: TestContext,
  hop: NextHop,
  port: number,
  options: Pick<LabOptions, "password" | "pool"> = {},
) {
  const routes = [{ pattern: "*", nextHop: hop }];
  const lab = await openLab(t, { authority, routes, places: { "smart.test:2525": port }, ...options });
  lab.dns.set("smart.test", { A: ["127.0.0.1"] });
  lab.dns.authenticate(["test"]);
  return lab;
}

test("a next hop's TLS: none, what is offered, required, implicit; DANE where it has it", async (t) => {
  const hop = (tls: NextHop["tls"]) => nextHop("smart.test", 2525, { tls });
  const starttls = await startServer(t, {}, tlsOf(smart));
  const plain = await startServer(t);
  const implicit = await startServer(t, {}, { ...tlsOf(smart), tlsMode: "implicit" });
  const wrong = await startServer(t, {}, tlsOf(other));
  for (const [tls, server, expected] of [
    ["none", starttls, /^delivered none/],
    ["opportunistic", starttls, /^delivered encrypted/],
    ["opportunistic", plain, /^delivered none/],
    ["required", starttls, /^delivered webpki/],
    ["required", plain, /^deferred -: 4\.7\.4/],
    ["required", wrong, /^deferred -: 4\.7\.5/],
    ["implicit", implicit, /^delivered webpki/],
  ] as const) {
    const lab = await labWith(t, hop(tls), server.port);
    assert.match(await lab.send(), expected, tls);
  }
  const lab = await labWith(t, hop("opportunistic"), wrong.port);
  lab.dns.set("_2525._tcp.smart.test", { TLSA: [tlsa(3, 1, other)] });
  assert.match(await lab.send(), /^delivered dane/);
  lab.dns.set("_2525._tcp.smart.test", { TLSA: [tlsa(3, 1, smart)] });
  assert.match(await lab.send(), /^deferred -: 4\.7\.5/);
});

test("REQUIRETLS by a next hop: as the settings have it, and never in clear text", async (t) => {
  const hop = (tls: NextHop["tls"], host = "smart.test") => nextHop(host, 2525, { tls });
  const wish = { requireTls: true };
  const { port } = await startServer(t, {}, tlsOf(smart));
  assert.match(await (await labWith(t, hop("required"), port)).send(wish), /^delivered webpki/);
  assert.match(await (await labWith(t, hop("opportunistic"), port)).send(wish), /^delivered webpki/);
  assert.match(await (await labWith(t, hop("none"), port)).send(wish), /^failed -: 5\.7\.30/);
  const bad = await startServer(t, {}, tlsOf(other));
  assert.match(await (await labWith(t, hop("opportunistic"), bad.port)).send(wish), /^deferred -: 4\.7\.5/);
});

/** Lets in who knows the password. */
function withLogin(password: string, seen: string[]): Partial<SmtpHandler> {
  return {
    mechanisms: () => ["PLAIN"],
    authenticate: () => ({
      respond: (octets) => {
        const said = Buffer.from(octets ?? []).toString();
        seen.push(said.replaceAll("\0", "|"));
        return said === `\0us\0${password}` ? { kind: "accepted", user: "us" } : { kind: "refused" };
      },
      cancel: () => {},
    }),
  };
}

test("a smarthost is logged in to, under TLS that was checked; a wrong password defers and is never shown", async (t) => {
  const credentials = { user: "us", passwordSource: { kind: "variable", name: "X" } } as const;
  const hop = nextHop("smart.test", 2525, { tls: "required", credentials });
  const seen: string[] = [];
  const server = await startServer(t, withLogin("s3cret", seen), { ...tlsOf(smart), requireAuth: true });
  const lines: string[] = [];
  const transcript = (_: unknown, line: string) => void lines.push(line);
  const lab = await labWith(t, hop, server.port, { password: "s3cret", pool: { transcript } });
  assert.match(await lab.send(), /^delivered webpki/);
  assert.match(await lab.send({ destination: "another.test" }), /^delivered webpki/);
  assert.deepEqual(seen, ["|us|s3cret"]);
  assert.equal(lab.dialled.length, 1);
  const wrong = await labWith(t, hop, server.port, { password: "wr0ng", pool: { transcript } });
  const { results, reach } = await wrong.outcome();
  assert.equal(results[0]?.kind, "deferred");
  assert.equal(reach.kind, "failed");
  assert.doesNotMatch(JSON.stringify([results, reach, lines]), /s3cret|wr0ng/);
  // An impostor learns nothing.
  const impostor: string[] = [];
  const false1 = await startServer(t, withLogin("s3cret", impostor), tlsOf(other));
  const fooled = await labWith(t, hop, false1.port, { password: "s3cret" });
  assert.match(await fooled.send(), /^deferred -: 4\.7\.5/);
  assert.deepEqual(impostor, []);
});

/** A server of LMTP (RFC 2033) that answers for each recipient; `content` says what, 250 unless given. */
async function startLmtp(
  t: TestContext,
  where: string | number,
  content: Record<string, string>,
): Promise<{ readonly server: Server; readonly mail: string[] }> {
  const mail: string[] = [];
  const server = createServer((socket) => {
    let accepted: string[] = [];
    let held = "";
    let inData = false;
    socket.on("error", () => {}).write("220 lmtp\r\n");
    socket.on("data", (chunk) => {
      held += chunk.toString("latin1");
      for (let end = held.indexOf("\r\n"); end !== -1; end = held.indexOf("\r\n")) {
        const line = held.slice(0, end);
        held = held.slice(end + 2);
        if (inData) {
          if (line !== ".") continue;
          inData = false;
          for (const address of accepted)
            socket.write(content[address] ?? `250 2.1.5 <${address}> saved\r\n`);
          continue;
        }
        mail.push(line);
        if (line.startsWith("LHLO")) socket.write("250-lmtp\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
        else if (line.startsWith("EHLO")) socket.write("500 5.5.1 LMTP only\r\n");
        else if (line === "DATA") {
          inData = true;
          socket.write("354 go\r\n");
        } else {
          if (line.startsWith("MAIL")) accepted = [];
          const [, address] = /^RCPT TO:<(.*?)>/.exec(line) ?? [];
          const unknown = address?.startsWith("nobody") ?? false;
          if (address !== undefined && !unknown) accepted.push(address);
          socket.write(unknown ? "550 5.1.1 nobody of that name\r\n" : "250 2.0.0 ok\r\n");
        }
      }
    });
  });
  if (typeof where === "string") server.listen(where);
  else server.listen(where, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { server, mail };
}

const recipients = ["a", "nobody", "full", "gone"].map(
  (name, index): QueuedRecipient => ({
    index,
    address: `${name}@dest.test`,
    state: "pending",
    detail: null,
    notify: null,
    originalRecipient: null,
  }),
);

test("LMTP at a Unix socket: an answer for each recipient", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-lmtp-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "lmtp");
  const { mail } = await startLmtp(t, path, {
    "full@dest.test": "452 4.2.2 the mailbox is full\r\n",
    "gone@dest.test": "550 5.2.1 the mailbox is closed\r\n",
  });
  const hop: NextHop = {
    place: { kind: "unix", path },
    protocol: "lmtp",
    tls: "none",
    credentials: null,
  };
  const lab = await openLab(t, { routes: [{ pattern: "dest.test", nextHop: hop }] });
  // A mailbox on this host is the end of the way: REQUIRETLS is met.
  const { results, reach } = await lab.outcome({ recipients, requireTls: true });
  assert.deepEqual(
    results
      .toSorted((one, two) => one.index - two.index)
      .map(({ address, kind, code, remote, via, onward }) => [address, kind, code, remote, via?.tls, onward]),
    [
      ["a@dest.test", "delivered", 250, "mail.here.test", "none", "mailbox"],
      ["nobody@dest.test", "failed", 550, "mail.here.test", "none", undefined],
      ["full@dest.test", "deferred", 452, "mail.here.test", "none", undefined],
      ["gone@dest.test", "failed", 550, "mail.here.test", "none", undefined],
    ],
  );
  assert.equal(results[0]?.via?.address, path);
  assert.deepEqual(reach, { kind: "worked" });
  assert.match(mail.join("\n"), /^LHLO mail\.here\.test\nMAIL FROM:<a@here\.test>\nRCPT/);
  // The next message goes over the same connection.
  await lab.outcome({ recipients: recipients.slice(0, 1) });
  assert.equal(mail.filter((line) => line.startsWith("LHLO")).length, 1);
  assert.deepEqual(lab.dialled, [path]);
});

test("LMTP over TCP; a socket that is not there defers", async (t) => {
  const { server } = await startLmtp(t, 0, {});
  const { port } = server.address() as { port: number };
  const lab = await labWith(t, nextHop("smart.test", 2525, { protocol: "lmtp" }), port);
  assert.match(await lab.send(), /^delivered none: smart\.test said: 250 2\.1\.5/);
  // From here to another host LMTP is a way that has to be protected; on this one it is not.
  assert.match(await lab.send({ requireTls: true }), /^delivered none/);
  lab.dns.set("smart.test", { A: ["10.0.0.1"] });
  assert.match(await lab.send({ requireTls: true }), /^deferred -: 4\.7\.4/);
  const hop: NextHop = {
    place: { kind: "unix", path: "/nowhere/lmtp" },
    protocol: "lmtp",
    tls: "none",
    credentials: null,
  };
  const nowhere = await openLab(t, { routes: [{ pattern: "*", nextHop: hop }] });
  assert.match(await nowhere.send(), /^deferred -: 4\.4\.1/);
  assert.match(
    await (await openLab(t, { routes: [{ pattern: "*", nextHop: nextHop("missing.test") }] })).send(),
    /^deferred -: 4\.4\.4/,
  );
});
