import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { ALPN, decoyKey, openKeyConnection, parseStatement } from "../key-protocol/index.ts";
import { keyId } from "../signature/index.ts";
import { TestClient } from "./test-client.ts";
import {
  active,
  appendixA,
  decoySecret,
  kid,
  roots,
  secured,
  signer,
  spki,
  start,
} from "./test-public-interface.ts";

describe("transcripts of SPEC §5.7, bit for bit", () => {
  test("an active key, and one that is not there", async () => {
    const { port } = await start({ hostName: "mx1.someisp.tld", signer });
    const wire = new TestClient(port);
    await wire.expect("+OK VSMTP/1 mx1.someisp.tld\r\n");
    wire.send("CAPA\r\n");
    await wire.expect("+OK\r\nVSMTP 1\r\nSTLS\r\nEXPOSURE decoy\r\n.\r\n");
    await wire.startTls(roots);
    assert.equal((wire.socket as TLSSocket).alpnProtocol, ALPN);
    wire.send(`KEY allice@someisp.tld ${kid}\r\nKEY allice@someisp.tld AAAAAAAAAAAAAAAAAAAAAA\r\n`);
    await wire.expect(`+OK 1\r\n${appendixA}\r\n.\r\n-ERR [NOKEY] unknown\r\n`);
    wire.send("QUIT\r\n");
    await wire.expect("+OK\r\n");
    await wire.expectClose();
  });

  test("a redirect, and a revoked key where it leads", async () => {
    const target = { host: "keys.someisp.tld", port: 8757 };
    const busy = await start({ mode: { kind: "redirect", target } });
    const away = new TestClient(busy.port);
    await away.expect("-FW keys.someisp.tld:8757\r\n");
    await away.expectClose();
    const { port, directory } = await start();
    const old = { ...active, kid: "s2N3yWcQ0dTzS9mJb4kXHA", state: "revoked" as const };
    directory.set("allice@someisp.tld", { ...old, notBefore: 1041379200, notAfter: 1072915200 });
    const wire = new TestClient(port);
    await wire.expect("+OK VSMTP/1\r\n");
    wire.send("KEY allice@someisp.tld s2N3yWcQ0dTzS9mJb4kXHA\r\n");
    await wire.expect("-ERR [TLSREQ] use STLS\r\n");
    await wire.startTls(roots);
    wire.send("KEY allice@someisp.tld s2N3yWcQ0dTzS9mJb4kXHA\r\n");
    await wire.expect(
      "+OK 1\r\nv=1; i=allice@someisp.tld; k=s2N3yWcQ0dTzS9mJb4kXHA; a=ed25519-sha256; st=revoked; nb=1041379200; na=1072915200; iat=1073304000; ttl=600\r\n.\r\n",
    );
    wire.socket.destroy();
  });
});

describe("answers (KEY-28 to KEY-36)", () => {
  const ask = async (wire: TestClient, line: string): Promise<string> => {
    wire.received = "";
    wire.send(`${line}\r\n`);
    while (!/^-ERR.*\r\n$|\r\n\.\r\n$/.test(wire.received))
      await new Promise((resolve) => setTimeout(resolve, 1));
    return wire.received;
  };
  const parsedStatement = (reply: string) => {
    const parsed = parseStatement(reply.split("\r\n")[1] ?? "");
    assert.ok(parsed.ok, reply);
    return parsed.statement;
  };
  const states = (reply: string) => [...reply.matchAll(/st=(\w+)/g)].map((match) => match[1]);

  test("what the directory says now is what is answered", async () => {
    const { port, directory } = await start();
    const wire = await secured(port, "");
    const line = `KEY allice@someisp.tld ${kid}`;
    assert.deepEqual(states(await ask(wire, line)), ["active"]);
    assert.deepEqual(states(await ask(wire, line)), ["active"]);
    assert.equal(directory.asked, 1, "the second answer is remembered");
    directory.set("bob@someisp.tld", active);
    assert.deepEqual(states(await ask(wire, line)), ["active"]);
    assert.equal(directory.asked, 1, "also when others change");
    directory.set("allice@someisp.tld", { ...active, state: "suspended" });
    const suspended = await ask(wire, line);
    assert.deepEqual(states(suspended), ["suspended"]);
    assert.doesNotMatch(suspended, /p=/);
    assert.deepEqual(states(await ask(wire, "KEY allice@someisp.tld")), ["suspended"]);
    const retired = { ...active, state: "retired" as const };
    const other = { ...active, kid: keyId(Buffer.from("x")), grants: ["*"] };
    directory.set("allice@someisp.tld", other, retired, { ...other, state: "revoked" });
    assert.match(await ask(wire, "KEY allice@someisp.tld"), /^\+OK 1\r\n.*st=active.*og=\*/);
    assert.deepEqual(states(await ask(wire, line)), ["retired"]);
    directory.set("allice@someisp.tld", { ...active, state: "revoked" });
    assert.equal(await ask(wire, "KEY allice@someisp.tld"), "-ERR [NOKEY] unknown\r\n");
    directory.set("allice@someisp.tld", active, active, active);
    assert.match(await ask(wire, "KEY allice@someisp.tld"), /^\+OK 2\r\n/);
    assert.equal(await ask(wire, `KEY bob@elsewhere.tld ${kid}`), "-ERR [NOTHERE] domain not served\r\n");
    wire.socket.destroy();
  });

  test("how old a key is does not tell it from a decoy, once no signature is older (KEY-40)", async () => {
    const nowMs = Date.UTC(2026, 10, 25, 12);
    const { port, directory } = await start({ nowMs: () => nowMs });
    const wire = await secured(port, "");
    const days = (count: number) => nowMs / 1000 - count * 86_400;
    const begins = async (name: string) =>
      parsedStatement(await ask(wire, `KEY ${name}@someisp.tld`)).notBefore;
    const shown = Date.UTC(2026, 10, 10) / 1000;
    for (const age of [16, 100, 5000]) {
      directory.set("allice@someisp.tld", { ...active, notBefore: days(age), notAfter: days(-30) });
      assert.equal(await begins("allice"), shown);
    }
    const old = ["nobody", "noone", "nemo"].filter((localPart) => {
      return decoyKey(decoySecret, { localPart, domain: "someisp.tld" }, nowMs / 1000).notBefore < shown;
    });
    assert.ok(old.length > 0);
    for (const name of old) assert.equal(await begins(name), shown);
    directory.set("allice@someisp.tld", { ...active, notBefore: days(3), notAfter: days(-30) });
    assert.equal(
      await begins("allice"),
      days(3),
      "what is younger than a signature may be shows since when it signs",
    );
    directory.set("allice@someisp.tld", {
      ...active,
      state: "retired",
      notBefore: days(400),
      notAfter: days(30),
    });
    const past = parsedStatement(await ask(wire, `KEY allice@someisp.tld ${kid}`));
    assert.deepEqual([past.notBefore, past.notAfter], [days(30), days(30)]);
    wire.socket.destroy();
  });

  test("a decoy rotates as a real key does: its predecessor is retired, and verifies as long (KEY-39, LIF-8)", async () => {
    let nowMs = 1073304000_000;
    const { port } = await start({ nowMs: () => nowMs });
    const wire = await secured(port, "");
    const line = "KEY nobody@someisp.tld";
    const first = parsedStatement(await ask(wire, line));
    assert.equal(parsedStatement(await ask(wire, `${line} ${first.kid}`)).state, "active");
    const { rotatesAt } = decoyKey(decoySecret, { localPart: "nobody", domain: "someisp.tld" }, nowMs / 1000);
    nowMs = rotatesAt * 1000;
    const second = parsedStatement(await ask(wire, line));
    assert.equal(second.notBefore, rotatesAt);
    const { state, notAfter } = parsedStatement(await ask(wire, `${line} ${first.kid}`));
    assert.deepEqual([state, notAfter], ["retired", rotatesAt + 1_209_600]);
    wire.socket.destroy();
  });

  test("after a raised epoch no older statement is served, and where dk is published none without s (STA-12, STA-13)", async () => {
    let nowMs = 1073304000_000;
    const events: string[] = [];
    const { port, directory } = await start({ nowMs: () => nowMs, onEvent: ({ kind }) => events.push(kind) });
    const wire = await secured(port, "");
    const line = `KEY allice@someisp.tld ${kid}`;
    assert.equal(parsedStatement(await ask(wire, line)).issuedAt, 1073304000);
    nowMs += 60_000;
    assert.equal(parsedStatement(await ask(wire, line)).issuedAt, 1073304000, "remembered");
    directory.raiseEpoch(1073304060);
    assert.equal(parsedStatement(await ask(wire, line)).issuedAt, 1073304060);
    directory.raiseEpoch(1073304090);
    assert.equal(parsedStatement(await ask(wire, line)).issuedAt, 1073304090, "a clock ahead of ours");
    directory.statementKey = spki;
    directory.raiseEpoch(1073304090);
    assert.equal(await ask(wire, line), "-ERR [TEMP] come back later\r\n");
    assert.deepEqual(events, ["directory-failed"]);
    wire.socket.destroy();
  });

  test("a reply is remembered for three to four eighths of its ttl, not all for as long: iat says how fresh it is", async () => {
    for (const [random, keptFor] of [
      [0, 225],
      [0.999, 299],
    ] as const) {
      let nowMs = 1073304000_000;
      const { port } = await start({ nowMs: () => nowMs, random: () => random });
      const wire = await secured(port, "");
      const issuedAt = async (seconds: number) => {
        nowMs = (1073304000 + seconds) * 1000;
        return parsedStatement(await ask(wire, `KEY allice@someisp.tld ${kid}`)).issuedAt - 1073304000;
      };
      assert.deepEqual(
        [await issuedAt(0), await issuedAt(keptFor - 1), await issuedAt(keptFor + 1)],
        [0, 0, keptFor + 1],
      );
      wire.socket.destroy();
    }
  });

  test("who asks the same while it is being read gets the same, and a change meanwhile is not lost", async () => {
    const { port, directory } = await start();
    const wires = await Promise.all([secured(port, ""), secured(port, ""), secured(port, "")]);
    const line = `KEY allice@someisp.tld ${kid}`;
    const { promise, resolve } = Promise.withResolvers<void>();
    directory.answered = promise;
    const [late = assert.fail(), ...early] = wires;
    const answers = Promise.all(early.map((wire) => ask(wire, line)));
    while (directory.asked < 1) await new Promise((tick) => setTimeout(tick, 1));
    await new Promise((tick) => setTimeout(tick, 10));
    directory.set("allice@someisp.tld", { ...active, state: "revoked" });
    const answer = ask(late, line);
    while (directory.asked < 2) await new Promise((tick) => setTimeout(tick, 1));
    resolve();
    assert.deepEqual((await answers).flatMap(states), ["active", "active"]);
    assert.deepEqual(states(await answer), ["revoked"], "asked after the change");
    assert.equal(directory.asked, 2);
    assert.deepEqual(states(await ask(late, line)), ["revoked"]);
    for (const wire of wires) wire.socket.destroy();
  });

  test("exposure open, kid and decoy (KEY-33 to KEY-35)", async () => {
    const open = await secured((await start({ exposure: "open" })).port, "");
    assert.match(await ask(open, "KEY allice@someisp.tld"), /^\+OK 1/);
    assert.equal(await ask(open, "KEY nobody@someisp.tld"), "-ERR [NOKEY] unknown\r\n");
    const closed = await secured((await start({ exposure: "kid" })).port, "");
    for (const name of ["allice", "nobody"]) {
      assert.equal(await ask(closed, `KEY ${name}@someisp.tld`), "-ERR [KIDREQ] ask with a key id\r\n");
    }
    assert.match(await ask(closed, `KEY allice@someisp.tld ${kid}`), /^\+OK 1/);
    const decoy = await secured((await start({ signer })).port, "");
    const shown = await ask(decoy, "KEY nobody@someisp.tld");
    const parsed = parseStatement(shown.split("\r\n")[1] ?? "");
    assert.ok(parsed.ok && parsed.statement.signature !== null && parsed.statement.ttlSeconds === 600);
    assert.equal(await ask(decoy, `KEY nobody@someisp.tld ${parsed.statement.kid}`), shown);
    assert.equal(
      await ask(decoy, `KEY allice@someisp.tld ${parsed.statement.kid}`),
      "-ERR [NOKEY] unknown\r\n",
    );
    assert.equal(await ask(decoy, `KEY nobody@someisp.tld ${kid}`), "-ERR [NOKEY] unknown\r\n");
    for (const wire of [open, closed, decoy]) wire.socket.destroy();
  });

  test("a directory that fails is [TEMP], and reported", async () => {
    const events: string[] = [];
    const { port, directory } = await start({ onEvent: (event) => events.push(event.kind) });
    directory.broken = true;
    const wire = await secured(port, "");
    assert.equal(await ask(wire, `KEY allice@someisp.tld ${kid}`), "-ERR [TEMP] come back later\r\n");
    assert.deepEqual(events, ["directory-failed"]);
    wire.socket.destroy();
  });

  test("mode changes reach open sessions: a redirect inside TLS (KEY-21), maintenance after the answer", async () => {
    const { server, port } = await start();
    const finishing = await secured(port, "");
    const wire = await secured(port, "");
    server.setMode({ kind: "maintenance" });
    const refused = new TestClient(port);
    await refused.expect("-ERR [TEMP] maintenance\r\n");
    await refused.expectClose();
    finishing.send(`KEY allice@someisp.tld ${kid}\r\nNOOP\r\nKEY nobody@someisp.tld ${kid}\r\n`);
    await finishing.expectClose();
    assert.match(finishing.received, /^\+OK 1\r\n.*\r\n\.\r\n\+OK\r\n-ERR \[NOKEY\] unknown\r\n$/);
    server.setMode({ kind: "redirect", target: { host: "keys.someisp.tld", port: 443 } });
    wire.received = "";
    wire.send(`KEY allice@someisp.tld ${kid}\r\n`);
    await wire.expect("-FW keys.someisp.tld:443\r\n");
    await wire.expectClose();
    for (const target of [
      { host: "127.0.0.1", port: 443 },
      { host: "a.tld", port: 25 },
      { host: "[::1]", port: 8757 },
    ]) {
      assert.throws(() => server.setMode({ kind: "redirect", target }), TypeError);
    }
  });
});

test("our client and our server understand each other, 40 requests at a time", async () => {
  const { port } = await start({ signer });
  const target = { host: "mx1.someisp.tld", address: "127.0.0.1", port };
  const opened = await openKeyConnection(target, {
    dialer: {
      connect: ({ address }) =>
        new Promise((resolve, reject) => {
          const socket = connect(port, address, () => resolve(socket)).on("error", reject);
        }),
    },
    secureContext: roots,
    signal: AbortSignal.timeout(5000),
  });
  assert.ok(opened.kind === "open");
  const { connection } = opened;
  assert.equal(connection.certificate.chainProblem, null);
  assert.ok(connection.certificate.covers("keyserver.someisp.tld"));
  assert.ok(!connection.certificate.covers("someisp.tld"));
  assert.deepEqual(connection.certificate.names, ["mx1.someisp.tld", "keyserver.someisp.tld"]);
  const address = { localPart: "allice", domain: "someisp.tld" };
  const replies = await Promise.all(
    Array.from({ length: 40 }, (_, n) =>
      connection.key(address, n % 2 ? kid : "AAAAAAAAAAAAAAAAAAAAAA", AbortSignal.timeout(5000)),
    ),
  );
  replies.forEach((reply, n) => {
    const expected = n % 2 ? { kind: "statements", lines: [appendixA] } : { kind: "error", code: "NOKEY" };
    assert.deepEqual(reply, expected);
  });
  connection.close();
});
