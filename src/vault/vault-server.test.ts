import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { newIdentity, Peer, TestVault } from "./test-vault.ts";

const ALLICE = "allice@someisp.test";
async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 250, `not in time: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

describe("whom the vault answers (PRV-1, PRV-22, PRV-23)", () => {
  let vault: TestVault;
  before(async () => {
    vault = await TestVault.start();
  });
  after(() => vault.stop());

  const turnedAway = async (peer: Peer, reason: string): Promise<void> => {
    await peer.ended();
    assert.equal(peer.received, "", "not even a greeting");
    const event = vault.events.at(-1);
    assert.ok(event?.kind === "refused" || event?.kind === "tls-failed");
    if (event.kind === "refused") assert.equal(event.reason, reason);
    else assert.match(event.cause.message, new RegExp(reason));
  };

  test("nobody without a certificate, or with one that is not enrolled", async () => {
    await turnedAway(await vault.connect(null), "no-certificate");
    const stranger = await newIdentity();
    await turnedAway(await vault.connect(stranger), "unknown-certificate");
    const event = vault.events.at(-1);
    assert.ok(
      event?.kind === "refused" && event.spkiSha256 === stranger.spkiSha256,
      "the operator can enrol it",
    );
    await vault.enrol(stranger);
    assert.match(await (await vault.connect(stranger)).say("NOOP"), /^\+OK/);
  });

  test("not with the certificate of an enrolled server without its key", async () => {
    const [own, enrolled] = [await newIdentity(), await newIdentity()];
    await vault.enrol(enrolled);
    await assert.rejects(vault.connect({ ...enrolled, key: own.key }), /key values mismatch/);
  });

  test("not below TLS 1.3, and not for another protocol", async () => {
    const identity = await newIdentity();
    await vault.enrol(identity);
    await turnedAway(await vault.connect(identity, { maxVersion: "TLSv1.2" }), "TLSv1.2|version");
    await turnedAway(
      await vault.connect(identity, { ALPNProtocols: ["vsmtp-key"] }),
      "no protocol|no application protocol",
    );
    await turnedAway(await vault.connect(identity, { ALPNProtocols: undefined as never }), "no protocol");
  });

  test("PRV-32 an enrolment that is taken away ends its connections and tickets within a second", async () => {
    const [identity, other] = [await newIdentity(), await newIdentity()];
    await vault.enrol(identity, { name: "mx7" });
    await vault.enrol(other, { name: "mx8" });
    const peers = [await vault.connect(identity), await vault.connect(identity)];
    const bystander = await vault.connect(other);
    const ticket = await (peers[0] as Peer).logIn(ALLICE);
    const began = performance.now();
    assert.ok((await vault.keyring.removeEnrolment("mx7")).ok);
    for (const peer of peers) await peer.ended();
    assert.ok(performance.now() - began < 1000);
    await turnedAway(await vault.connect(identity), "unknown-certificate");
    assert.match(await bystander.say("NOOP"), /^\+OK/);
    assert.ok(
      vault.events.some(
        (one) => one.kind === "enrolment-ended" && one.enrolment === "mx7" && one.connections === 2,
      ),
    );

    await vault.enrol(identity, { name: "mx7", modes: ["getkey"] });
    const again = await vault.connect(identity);
    assert.match(await again.say(`ID ${ticket} ${ALLICE}`), /^-ERR \[TICKET\]/);
    assert.match((await again.block("CAPA")).join(), /MODES GETKEY,/);
  });

  test("a store that fails: [TEMP], and those who are connected stay", async () => {
    const peer = await vault.peer();
    const ticket = await peer.logIn(ALLICE);
    const { use, enrolments } = vault.store;
    const { KeyringStoreError } = await import("../keyring/index.ts");
    const broken = () => Promise.reject(new KeyringStoreError("busy", new Error("away")));
    Object.assign(vault.store, { use: broken });
    vault.store.enrolments = broken;
    try {
      assert.match(await peer.say(`SPEND ${ticket} 1`), /^-ERR \[TEMP\] try again later\r\n$/);
      await new Promise((resolve) => setTimeout(resolve, 600));
      // Of an outage the beginning is told, not every look and every request.
      const told = vault.events.filter((one) => one.kind === "store-failed").length;
      assert.ok(told >= 1);
      await peer.say(`SPEND ${ticket} 1`);
      await new Promise((resolve) => setTimeout(resolve, 600));
      assert.equal(vault.events.filter((one) => one.kind === "store-failed").length, told);
    } finally {
      vault.store.use = use;
      vault.store.enrolments = enrolments;
    }
    assert.match(await peer.say(`SPEND ${ticket} 1`), /^\+OK/);
    await until(() => vault.events.at(-1)?.kind === "store-answers");
  });
});

describe("clients that only hold a place", () => {
  let vault: TestVault;
  const limits = { connections: 6, connectionsPerEnrolment: 3, handshakeMs: 200, idleMs: 400, stepMs: 300 };
  before(async () => {
    vault = await TestVault.start(limits);
  });
  after(() => vault.stop());

  test("a connection without a handshake, and one that stops in it", async () => {
    const silent = connect(vault.port, "127.0.0.1");
    const half = connect(vault.port, "127.0.0.1");
    half.write(Buffer.from("16030100", "hex"));
    const closed = [silent, half].map((socket) => {
      socket.on("error", () => {}).resume();
      return new Promise((resolve) => socket.on("close", resolve));
    });
    await Promise.all(closed);
  });

  test("idle ones, and those that stop in an exchange", async () => {
    const idle = await vault.peer();
    const stuck = await vault.peer();
    assert.match(await stuck.say("AUTH PLAIN"), /^\+ \r\n$/);
    const dripping = await vault.peer();
    const drip = setInterval(() => dripping.socket.write("x"), 50);
    await Promise.all([idle.ended(), stuck.ended(), dripping.ended()]);
    clearInterval(drip);
  });

  test("one that asks and does not read", async () => {
    const peer = await vault.peer();
    peer.socket.pause();
    const many = "CAPA\r\n".repeat(20_000);
    let written = true;
    for (let n = 0; n < 200 && written && !peer.closed; n++) written = peer.socket.write(many);
    const began = process.memoryUsage().rss;
    await until(() => vault.server.connections === 0);
    assert.ok(process.memoryUsage().rss - began < 100 * 2 ** 20);
  });

  test("more than an enrolment may have, and more than there is room for", async () => {
    const identity = await newIdentity();
    await vault.enrol(identity);
    const peers = [
      await vault.connect(identity),
      await vault.connect(identity),
      await vault.connect(identity),
    ];
    await assert.rejects(vault.connect(identity), /BUSY/);
    const silent = Array.from({ length: 6 }, () => connect(vault.port, "127.0.0.1").on("error", () => {}));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const late = connect(vault.port, "127.0.0.1")
      .on("error", () => {})
      .resume();
    await new Promise((resolve) => late.on("close", resolve));
    for (const socket of silent) socket.destroy();
    for (const peer of peers) peer.close();
  });

  test("strangers who only connect keep no enrolled server out", async () => {
    await until(() => vault.server.connections === 0);
    const strangers = Array.from({ length: 12 }, () =>
      connect(vault.port, "127.0.0.1").on("error", () => {}),
    );
    await Promise.all(strangers.map((socket) => once(socket, "connect")));
    assert.match(await (await vault.peer()).say("NOOP"), /^\+OK/);
    for (const socket of strangers) socket.destroy();
  });
});

describe("Unix sockets (PRV-1, PRV-33)", { skip: process.platform === "win32" && "no Unix sockets" }, () => {
  let vault: TestVault;
  let folder: string;
  before(async () => {
    vault = await TestVault.start();
    folder = join(vault.folder, "run");
    chmodSync(vault.folder, 0o755);
  });
  after(() => vault.stop());
  const own = String(process.getuid?.());
  const proof = (user: string | null, group: string | null = null) =>
    ({ kind: "unix-socket", user, group }) as const;

  test("one for each enrolment, with the right owner and mode, made and removed while the vault runs", async () => {
    await vault.enrol(null, { name: "local", proof: proof(own) });
    mkdirSync(folder);
    writeFileSync(join(folder, "local.sock"), "left behind");
    await vault.server.listenUnix(folder);
    const path = join(folder, "local.sock");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const peer = await Peer.connectUnix(path);
    const ticket = await peer.logIn(ALLICE);
    const kid = await vault.kidOf(ALLICE);
    const h = vault.headerOf(ALLICE, kid);
    assert.ok(await vault.signs(await peer.sign(ticket, ALLICE, kid, h), h, ALLICE));

    await vault.enrol(null, {
      name: "later",
      proof: proof(null, String(process.getgid?.())),
      modes: ["getkey"],
    });
    const later = join(folder, "later.sock");
    await until(() => existsSync(later));
    assert.equal(statSync(later).mode & 0o777, 0o660);
    const other = await Peer.connectUnix(later);
    assert.match((await other.block("CAPA")).join(), /MODES GETKEY,/);
    assert.match(await other.say(`ID ${ticket} ${ALLICE}`), /^-ERR \[TICKET\]/);

    assert.ok((await vault.keyring.removeEnrolment("local")).ok);
    await peer.ended();
    await until(() => !existsSync(path));
    other.close();
  });

  test("PRV-32 whoever connects just when the enrolment ends is not served", async () => {
    await vault.enrol(null, { name: "leaving", proof: proof(own) });
    const path = join(folder, "leaving.sock");
    await until(() => existsSync(path));
    let late: Promise<Peer> | null = null;
    vault.events.push = (event) => {
      if (event.kind === "enrolment-ended") late = Peer.connectUnix(path);
      return Array.prototype.push.call(vault.events, event);
    };
    assert.ok((await vault.keyring.removeEnrolment("leaving")).ok);
    await until(() => late !== null);
    const peer = await (late as Promise<Peer> | null);
    await peer?.ended();
    assert.equal(peer?.received, "");
  });

  test("PRV-33 a socket is made where nobody else can enter, since the umask may let everybody in", async () => {
    await vault.enrol(null, { name: "umask", proof: proof(own) });
    const path = join(folder, "umask.sock");
    while (!existsSync(path)) {
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        if (!entry.name.startsWith(".")) continue;
        assert.ok(entry.isDirectory(), "a socket whose owner and mode are not set yet");
        const mode = statSync(join(folder, entry.name), { throwIfNoEntry: false })?.mode ?? 0;
        assert.equal(mode & 0o077, 0);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(statSync(path).mode & 0o777, 0o600);
    await until(() => readdirSync(folder).every((name) => !name.startsWith(".")));
  });

  test("a user that there is not: no socket, and the log says so", async () => {
    await vault.enrol(null, { name: "nobody-at-all", proof: proof("no-such-user-here") });
    const failed = () => vault.events.find((one) => one.kind === "socket-failed");
    await until(() => failed() !== undefined);
    assert.match(String((failed() as { cause: Error }).cause), /no "no-such-user-here"/);
    assert.ok(!existsSync(join(folder, "nobody-at-all.sock")));
  });

  test("the kernel lets nobody else in", {
    skip: !isRoot && "needs root to become somebody else",
  }, async () => {
    await vault.enrol(null, { name: "user-4711", proof: proof("4711") });
    const path = join(folder, "user-4711.sock");
    await until(() => existsSync(path));
    assert.equal(statSync(path).uid, 4711);
    const script = `require("net").connect(${JSON.stringify(path)})
      .on("data", (data) => { process.stdout.write(data); process.exit(); })
      .on("error", (error) => { process.stdout.write(error.code); process.exit(); })`;
    const as = async (uid: number): Promise<string> => {
      const options = { uid, gid: uid, cwd: "/", env: {}, timeout: 5000 };
      return (await run(process.execPath, ["-e", script], options)).stdout.trim();
    };
    const [owner, stranger] = await Promise.all([as(4711), as(4712)]);
    assert.match(owner, /^\+OK VSMTP-VAULT/);
    assert.equal(stranger, "EACCES");
  });
});
