import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import {
  errorReply,
  openVault,
  VaultClient,
  type VaultClientOptions,
  type VaultReply,
  type VaultResponder,
  VaultServerSession,
} from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "vsmtp-vault-client-"));
after(() => rmSync(folder, { recursive: true }));
const ticket = "AAECAwQFBgcICQoLDA0ODw";
const address = { localPart: "allice", domain: "someisp.test" };
const spend = { verb: "SPEND", ticket, recipients: 1 } as const;
const drop = { verb: "DROP", ticket } as const;

let answer: VaultResponder["answer"] = async () => ({ kind: "done" });
let greeting = "+OK VSMTP-VAULT/1\r\n";
const responder: VaultResponder = {
  capabilities: () => ({ mechanisms: ["PLAIN", "LOGIN"], modes: ["SIGN"], mayAssert: false }),
  logIn: () => ({
    respond: async (response): Promise<VaultReply> => {
      if (response === null || response.length < 3) return { kind: "challenge", octets: Buffer.from("more") };
      await checking;
      return { kind: "ticket", ticket, primary: address, accountId: "1" };
    },
    cancel: () => void cancelled++,
  }),
  answer: (request) => answer(request),
  sign: async (_request, h) => ({ kind: "signature", octets: h }),
};
let cancelled = 0;
let checking = Promise.resolve();

/** A vault on a Unix socket, and a client of it. */
class Pair {
  static #count = 0;
  readonly path = join(folder, `${++Pair.#count}.sock`);
  readonly sockets = new Set<Socket>();
  readonly client: VaultClient;
  opened = 0;
  #server: Server | null = null;

  constructor(options: Partial<VaultClientOptions> = {}, replyMs = 5000, stepMs = 5000) {
    this.client = new VaultClient({
      open: () => {
        this.opened++;
        return openVault({ kind: "unix", path: this.path }, { replyMs, stepMs });
      },
      backoffMs: [40, 80],
      ...options,
    });
    pairs.push(this);
  }

  async start(): Promise<this> {
    this.#server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on("error", () => {}).on("close", () => this.sockets.delete(socket));
      socket.write(greeting);
      const session = new VaultServerSession(responder, {
        send: (text) => void socket.write(text, "latin1"),
        resume: () => {},
        close: () => void socket.end(),
      });
      socket.on("data", (octets) => session.receive(octets)).on("close", () => session.closed());
    });
    await new Promise<void>((resolve) => this.#server?.listen(this.path, resolve));
    return this;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) =>
      this.#server ? this.#server.close(() => resolve()) : resolve(),
    );
    for (const socket of this.sockets) socket.destroy();
    await closed;
    this.#server = null;
  }
}
const pairs: Pair[] = [];
afterEach(async () => {
  answer = async () => ({ kind: "done" });
  greeting = "+OK VSMTP-VAULT/1\r\n";
  for (const pair of pairs.splice(0)) {
    pair.client.close();
    await pair.stop();
  }
});

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("requests of many users share a few connections, and each gets its own answer", async () => {
  const { client, sockets } = await new Pair().start();
  answer = async (request) =>
    errorReply("POLICY", request.verb === "SPEND" ? String(request.recipients) : "");
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, n) =>
      n % 3 === 0
        ? client.request(
            { verb: "SIGN", ticket, address, kid: ticket, recipients: 1, length: 2 },
            Buffer.from([n & 255, 1]),
          )
        : client.request({ ...spend, recipients: n }),
    ),
  );
  for (const [n, one] of answers.entries()) {
    if (n % 3 === 0) assert.deepEqual(one, { kind: "signature", octets: Buffer.from([n & 255, 1]) });
    else assert.deepEqual(one, errorReply("POLICY", String(n)));
  }
  assert.ok(sockets.size <= 5, `${sockets.size} connections`);
  assert.deepEqual(client.lastCapabilities()?.mechanisms, ["PLAIN", "LOGIN"]);
});

test("what a vault offers that comes late, or comes back, is known before anybody logs in", async () => {
  const pair = new Pair();
  const { client } = pair;
  const known = async () => {
    for (let tries = 0; client.lastCapabilities() === null && tries < 100; tries++) await later(20);
    return client.lastCapabilities()?.mechanisms;
  };
  assert.equal(client.lastCapabilities(), null);
  await later(20);
  await pair.start();
  assert.deepEqual(await known(), ["PLAIN", "LOGIN"]);
  await pair.stop();
  await pair.start();
  await later(20);
  client.lastCapabilities();
  for (let tries = 0; pair.sockets.size === 0 && tries < 100; tries++) await later(20);
  assert.equal(pair.sockets.size, 1);
});

test("an AUTH exchange has a connection to itself, others go on meanwhile", async () => {
  const { client } = await new Pair().start();
  const options = { channelBinding: null, client: "192.0.2.1" };
  const exchange = client.logIn("LOGIN", options);
  assert.deepEqual(await exchange.respond(null), { kind: "challenge", octets: Buffer.from("more") });
  assert.deepEqual(await client.request(drop), { kind: "done" });
  const other = client.logIn("PLAIN", options);
  assert.equal((await other.respond(Buffer.from("secret"))).kind, "ticket");
  assert.equal((await exchange.respond(Buffer.from("secret"))).kind, "ticket");

  const before = cancelled;
  const broken = client.logIn("LOGIN", options);
  await broken.respond(null);
  broken.cancel();
  assert.equal((await client.logIn("PLAIN", options).respond(Buffer.from("secret"))).kind, "ticket");
  await later(20);
  assert.equal(cancelled, before + 1);
});

test("a user who does not go on loses the exchange", async () => {
  const { client } = await new Pair({ stepMs: 30 }).start();
  const slow = client.logIn("LOGIN", { channelBinding: null, client: null });
  assert.equal((await slow.respond(null)).kind, "challenge");
  await later(60);
  const late = await slow.respond(Buffer.from("secret"));
  assert.ok(late.kind === "failed" && /too long/.test(late.detail));
});

test("of too many exchanges the one whose user was silent longest gives way, and none that is at work", async () => {
  const { client, sockets } = await new Pair({ exchanges: 2 }).start();
  const options = { channelBinding: null, client: null };
  const slow = [client.logIn("LOGIN", options), client.logIn("LOGIN", options)];
  for (const one of slow) assert.equal((await one.respond(null)).kind, "challenge");
  const logIns = Array.from({ length: 5 }, () =>
    client.logIn("PLAIN", options).respond(Buffer.from("secret")),
  );
  assert.equal((await logIns[0])?.kind, "ticket");
  await Promise.all(logIns);
  const late = await slow[0]?.respond(Buffer.from("secret"));
  assert.ok(late?.kind === "failed" && /too long/.test(late.detail));

  const checked = Promise.withResolvers<void>();
  checking = checked.promise;
  const atWork = [1, 2].map(() => client.logIn("PLAIN", options).respond(Buffer.from("secret")));
  await later(20);
  const third = await client.logIn("PLAIN", options).respond(Buffer.from("secret"));
  assert.ok(third.kind === "failed" && /too many logins/.test(third.detail));
  checked.resolve();
  for (const one of atWork) assert.equal((await one).kind, "ticket");
  assert.ok(sockets.size <= 6, `${sockets.size} connections`);
});

test("a vault that is away: fails at once, is left alone for a while, and is found again", async () => {
  const pair = new Pair();
  for (let n = 0; n < 20; n++) {
    const one = await pair.client.request(spend);
    assert.ok(
      one.kind === "failed" && /no connection to the vault at .*ENOENT/.test(one.detail),
      JSON.stringify(one),
    );
  }
  assert.equal(pair.opened, 1);
  await pair.start();
  await later(100);
  assert.deepEqual(await pair.client.request(spend), { kind: "done" });

  await pair.stop();
  assert.equal((await pair.client.request(spend)).kind, "failed");
  await pair.start();
  await later(100);
  assert.deepEqual(await pair.client.request(spend), { kind: "done" });
});

test("a connection that the vault closed while it was idle: asked again, except SPEND in flight", async () => {
  const pair = await new Pair().start();
  assert.equal((await pair.client.request(drop)).kind, "done");
  let asked = 0;
  answer = async () => {
    asked++;
    if (asked === 1) for (const socket of pair.sockets) socket.destroy();
    return { kind: "done" };
  };
  assert.equal((await pair.client.request(drop)).kind, "done");
  assert.equal(asked, 2);
  asked = 0;
  assert.equal((await pair.client.request(spend)).kind, "failed");
  assert.equal(asked, 1);
});

test("deadlines: no greeting, no reply, and what is no vault", async () => {
  greeting = "";
  const silent = await new Pair({}, 50, 50).start();
  const one = await silent.client.request(spend);
  assert.ok(one.kind === "failed" && /no answer in time/.test(one.detail));

  greeting = "+OK VSMTP-VAULT/1\r\n";
  const slow = await new Pair({}, 50, 500).start();
  answer = () => new Promise(() => {});
  const two = await slow.client.request(spend);
  assert.ok(two.kind === "failed" && /no reply in time/.test(two.detail));
  answer = async () => ({ kind: "done" });
  assert.equal((await slow.client.request(spend)).kind, "done");

  for (const [text, problem] of [
    ["220 mail.someisp.test ESMTP\r\n", /greets with "220/],
    ["-ERR [BUSY] too many connections\r\n", /BUSY/],
    ["+OK\r\n+OK\r\n", /more than its greeting/],
    [`+OK ${"x".repeat(16_400)}\r\n`, /at most 16384/],
  ] as const) {
    greeting = text;
    const three = await (await new Pair().start()).client.request(spend);
    assert.ok(three.kind === "failed" && problem.test(three.detail), JSON.stringify(three));
  }
});
