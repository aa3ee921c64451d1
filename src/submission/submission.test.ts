import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { createSecureContext, type TLSSocket, connect as tlsConnect } from "node:tls";
import { createTransport } from "nodemailer";
import { Keyring, MasterKey, PublicKeyView } from "../keyring/index.ts";
import { type Address, parseAddress } from "../message/index.ts";
import { type LeasedMessage, Queue, RetrySchedule } from "../queue/index.ts";
import { verify } from "../signature/index.ts";
import { KeyringSigner, type Signer } from "../signing/index.ts";
import { SmtpServer, type TlsMode } from "../smtp/index.ts";
import { SqliteKeyringStore, SqliteQueueStore } from "../store/index.ts";
import { type SubmissionEvent, SubmissionHandler, type Submitter } from "./index.ts";
import { certificate, certificateKey } from "./test-certificate.ts";

const folder = mkdtempSync(join(tmpdir(), "vsmtp-submission-"));
const keyringPath = join(folder, "keyring.db");
const queuePath = join(folder, "queue.db");
const keyringStore = new SqliteKeyringStore(keyringPath, { busyTimeoutMs: 10 });
const queueStore = new SqliteQueueStore(queuePath, { busyTimeoutMs: 10 });
const masterKey = MasterKey.generate();
const keyring = await Keyring.open({ store: keyringStore, masterKey });
const localSigner = new KeyringSigner(keyring);
let signer: Signer = localSigner;
const queue = new Queue({ store: queueStore, retry: new RetrySchedule() });
const events: SubmissionEvent[] = [];
const handler = new SubmissionHandler({
  hostname: "mail.someisp.test",
  keyring,
  signer: { authorize: (...given) => signer.authorize(...given), sign: (order) => signer.sign(order) },
  queue,
  bufferOctets: 400_000,
  signingTimeoutMs: 200,
  onEvent: (event) => events.push(event),
});
const servers: SmtpServer<Submitter>[] = [];
const ports: Partial<Record<TlsMode, number>> = {};
let allice = "";

before(async () => {
  assert.ok((await keyring.addDomain("someisp.test")).ok);
  const made = await keyring.addAccount({
    address: "allice@someisp.test",
    aliases: ["al@someisp.test"],
    password: "secret",
  });
  assert.ok(made.ok);
  allice = made.account.id;
  assert.ok((await keyring.addAccount({ address: "boss@someisp.test" })).ok);
  for (const tlsMode of ["implicit", "starttls-required"] as const) {
    const server = new SmtpServer<Submitter>({
      hostname: "mail.someisp.test",
      handler,
      tlsMode,
      requireAuth: true,
      secureContext: () => createSecureContext({ cert: certificate, key: certificateKey }),
      deadlines: { authFailureDelayMs: 0 },
    });
    servers.push(server);
    ports[tlsMode] = (await server.listen({ host: "127.0.0.1", port: 0 })).port;
  }
});
after(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await queue.close();
  queueStore.close();
  keyringStore.close();
  rmSync(folder, { recursive: true });
});

/** A client that speaks line by line, inside TLS on the 465 of this test. */
class Client {
  readonly #socket: TLSSocket;
  #received = "";
  #waiting: (() => void) | null = null;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("data", (data) => {
      this.#received += data.toString("latin1");
      this.#waiting?.();
    });
    socket.on("error", () => {});
    socket.on("close", () => this.#waiting?.());
  }

  static async open(): Promise<Client> {
    const socket = tlsConnect({
      port: ports.implicit ?? 0,
      host: "127.0.0.1",
      ca: certificate,
      servername: "localhost",
    });
    const client = new Client(socket);
    assert.match(await client.reply(), /^220 /);
    assert.match(await client.say("EHLO client.test"), /^250[ -]/);
    return client;
  }

  /** Logged in, with sender and recipients given. */
  static async inTransaction(recipients: readonly string[] = ["bob@dest.test"]): Promise<Client> {
    const client = await Client.open();
    assert.match(await client.logIn("allice@someisp.test", "secret"), /^235 2\.7\.0/);
    assert.match(await client.say("MAIL FROM:<allice@someisp.test>"), /^250 /);
    for (const recipient of recipients) assert.match(await client.say(`RCPT TO:<${recipient}>`), /^250 /);
    return client;
  }

  logIn(user: string, password: string, authzid = ""): Promise<string> {
    return this.say(`AUTH PLAIN ${Buffer.from(`${authzid}\0${user}\0${password}`).toString("base64")}`);
  }

  /** The message, from DATA to the reply to its final dot. */
  async send(text: string): Promise<string> {
    const answer = await this.say("DATA");
    return answer.startsWith("354") ? this.say(`${text}\r\n.`) : answer;
  }

  say(line: string): Promise<string> {
    this.#socket.write(`${line}\r\n`);
    return this.reply();
  }

  /** One reply, all its lines. */
  async reply(): Promise<string> {
    for (;;) {
      const end = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(this.#received);
      if (end) {
        this.#received = this.#received.slice(end[0].length);
        return end[0];
      }
      if (this.#socket.destroyed) throw new Error(`closed after ${this.#received}`);
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

const plain = (from = "allice@someisp.test") =>
  `From: ${from}\r\nTo: bob@dest.test\r\nSubject: x\r\n\r\nHi\r\n`;

/** Takes everything out of the queue. */
async function drain(): Promise<{ leased: LeasedMessage; octets: Buffer }[]> {
  const messages = [];
  for (const leased of await queue.lease(1000)) {
    const pieces: Uint8Array[] = [];
    for await (const piece of queue.content(leased)) pieces.push(piece);
    messages.push({ leased, octets: Buffer.concat(pieces) });
    const outcomes = leased.recipients.map(({ index }) => ({
      index,
      kind: "delivered" as const,
      detail: "",
    }));
    await queue.settle(leased, outcomes);
  }
  return messages;
}

async function verdictOf(message: { leased: LeasedMessage; octets: Buffer }): Promise<string> {
  const view = new PublicKeyView(keyringStore);
  const now = Math.floor(Date.now() / 1000);
  const recipients = message.leased.recipients.map(({ address }): Address => {
    const parsed = parseAddress(address);
    assert.ok(parsed.ok);
    return parsed.address;
  });
  const verdict = await verify(message.octets, {
    now,
    recipients,
    keys: {
      lookUp: async ({ identity, kid }) => {
        const key = (await view.keys(identity, now)).find((one) => one.kid === kid);
        if (key?.state !== "active") return { kind: "fail", reason: "no-key", detail: "" };
        return { kind: "key", spki: key.spki, grants: key.grants, trust: null };
      },
    },
  });
  return `${verdict.result} ${verdict.align} ${verdict.rcpt}`;
}

test("SUB-1, RCP-4 a mail client submits on 465 and 587: signed copies are queued before 250", async () => {
  const { implicit, "starttls-required": starttls } = ports;
  for (const [index, options] of [
    { port: implicit, secure: true },
    { port: starttls, secure: false, requireTLS: true },
  ].entries()) {
    const transport = createTransport({
      ...options,
      host: "127.0.0.1",
      auth: { user: index === 0 ? "allice@someisp.test" : "AL@someisp.test", pass: "secret" },
      authMethod: index === 0 ? "PLAIN" : "LOGIN",
      tls: { ca: certificate, servername: "localhost" },
    } as Parameters<typeof createTransport>[0]);
    const sent = await transport.sendMail({
      from: "Allice <allice@someisp.test>",
      to: ["bob@dest.test", "carol@dest.test", "dan@third.test"],
      bcc: "eve@dest.test",
      subject: "Grüße",
      text: "Hi all,\n.\n..\nbye\n",
      attachments: [{ filename: "a.bin", content: Buffer.alloc(60_000, 7) }],
    });
    const messages = await drain();
    assert.match(
      (sent as { response: string }).response,
      /^250 2\.0\.0 Ok: queued as [0-9A-Z]{16} and 2 more$/,
    );
    assert.deepEqual(
      messages.map(({ leased }) => leased.recipients.map(({ address }) => address)),
      [["bob@dest.test", "carol@dest.test"], ["dan@third.test"], ["eve@dest.test"]],
    );
    for (const message of messages) {
      assert.equal(await verdictOf(message), "pass from match");
      assert.equal(message.leased.account, allice);
      assert.equal(message.leased.sender, "allice@someisp.test");
      const text = message.octets.toString("latin1");
      assert.match(
        text,
        /^Received: by mail\.someisp\.test with ESMTPSA tls \w+\r\n id [0-9A-Z]{16}(\r\n for <\S+>)?;\r\n [^\r]+\r\nVSMTP-Signature: v=1;/,
      );
      assert.ok(text.includes(`id ${message.leased.id}`));
      const others = ["bob", "carol", "dan", "eve"].filter(
        (name) => !message.leased.recipients.some(({ address }) => address.startsWith(name)),
      );
      assert.ok(others.every((name) => !text.includes(`for <${name}@`)));
      assert.ok(!text.includes("eve@") || message.leased.recipients[0]?.address === "eve@dest.test");
      assert.ok(!text.includes("127.0.0.1"), "Received does not tell where the user is");
    }
    assert.equal(events.at(-1)?.kind, "queued");
  }
  const [, received] =
    /for <(\S+)>/.exec(Buffer.from((await submitAndDrain("Hi")).octets).toString("latin1")) ?? [];
  assert.equal(received, "bob@dest.test");
});

async function submitAndDrain(body: string): Promise<{ leased: LeasedMessage; octets: Buffer }> {
  const client = await Client.inTransaction();
  assert.match(await client.send(`${plain()}${body}`), /^250 2\.0\.0 Ok: queued as [0-9A-Z]{16}\r\n$/);
  client.close();
  const messages = await drain();
  assert.equal(messages.length, 1);
  return messages[0] as { leased: LeasedMessage; octets: Buffer };
}

test("AUTH: only inside TLS, wrong and suspended accounts, acting as another", async () => {
  const bare = connect(ports["starttls-required"] ?? 0, "127.0.0.1");
  let dialogue = "";
  bare.on("data", (data) => {
    dialogue += data.toString();
  });
  while (!dialogue.startsWith("220")) await new Promise((resolve) => bare.once("data", resolve));
  bare.write("EHLO x\r\nAUTH PLAIN AGFsbGljZQBzZWNyZXQ=\r\nMAIL FROM:<allice@someisp.test>\r\nQUIT\r\n");
  await new Promise((resolve) => bare.on("close", resolve));
  assert.doesNotMatch(dialogue, /^250[- ]AUTH/m);
  assert.match(dialogue, /^5\d\d .*\r\n530 5\.7\.0 .*\r\n221/m);

  const client = await Client.open();
  assert.match(await client.say("MAIL FROM:<allice@someisp.test>"), /^530 /);
  assert.match(await client.logIn("allice@someisp.test", "wrong"), /^535 5\.7\.8/);
  assert.match(await client.logIn("nobody@someisp.test", "secret"), /^535 5\.7\.8/);
  client.close();
  const other = await Client.open();
  assert.match(await other.logIn("allice@someisp.test", "secret", "boss@someisp.test"), /^535 5\.7\.8/);
  assert.match(await other.logIn("allice@someisp.test", "secret", "al@someisp.test"), /^235/);
  other.close();
});

test("LIF-10 suspension: no login, and a session that was logged in sends no more", async () => {
  const client = await Client.open();
  assert.match(await client.logIn("allice@someisp.test", "secret"), /^235/);
  const late = await Client.inTransaction();
  assert.ok((await keyring.suspend(allice)).ok);
  assert.match(await client.say("MAIL FROM:<allice@someisp.test>"), /^550 5\.7\.1 .*suspended/);
  assert.match(await late.send(plain()), /^550 5\.7\.1 .*suspended/);
  const again = await Client.open();
  assert.match(await again.logIn("allice@someisp.test", "secret"), /^550 5\.7\.1 .*suspended/);
  assert.ok((await keyring.resume(allice)).ok);
  assert.match(await again.logIn("allice@someisp.test", "secret"), /^235/);
  for (const one of [client, late, again]) one.close();
  assert.deepEqual(await drain(), []);
});

test("senders and content: refused with a reason, nothing queued", async () => {
  const client = await Client.inTransaction();
  const again = async (): Promise<void> => {
    assert.match(await client.say("RSET"), /^250/);
    assert.match(await client.say("MAIL FROM:<>"), /^250/);
    assert.match(await client.say("RCPT TO:<Postmaster>"), /^250/);
  };
  assert.match(await client.send(plain("boss@someisp.test")), /^550 5\.7\.1 boss@someisp\.test in From/);
  await again();
  assert.match(await client.send("Subject: x\r\n\r\nno From\r\n"), /^550 5\.6\.0 .*no From address/);
  await again();
  assert.match(
    await client.send(`Subject: a\r\nSubject: b\r\n${plain()}`),
    /^550 5\.6\.0 .*3 subject fields/,
  );
  await again();
  assert.deepEqual(await drain(), []);
  assert.match(await client.send(plain()), /^250/);
  const [message] = await drain();
  assert.deepEqual(
    [message?.leased.sender, message?.leased.recipients[0]?.address],
    ["", "postmaster@someisp.test"],
  );
  for (const sender of ["boss@someisp.test", "allice@elsewhere.test"]) {
    assert.match(await client.say(`MAIL FROM:<${sender}>`), /^550 5\.7\.1/);
  }
  client.close();
});

test("SUB-6 no key, no signer, no room: 4xx, never unsigned, and it works again afterwards", async () => {
  const outcomes: string[] = [];
  const attempt = async (): Promise<void> => {
    const client = await Client.inTransaction();
    outcomes.push((await client.send(plain())).slice(0, 9));
    client.close();
  };
  signer = { authorize: () => new Promise(() => {}), sign: () => new Promise(() => {}) };
  await attempt();
  const raw = new DatabaseSync(keyringPath);
  const [{ sealed }] = raw
    .prepare("SELECT sealed FROM key_pair WHERE account = ? AND state = 'active'")
    .all(allice) as [{ sealed: Uint8Array }];
  raw.prepare("UPDATE key_pair SET sealed = x'00' WHERE account = ? AND state = 'active'").run(allice);
  signer = new KeyringSigner(await Keyring.open({ store: keyringStore, masterKey }));
  await attempt();
  raw.prepare("UPDATE key_pair SET sealed = ? WHERE account = ? AND state = 'active'").run(sealed, allice);
  raw.close();
  signer = localSigner;
  const intruder = new DatabaseSync(queuePath);
  intruder.exec("BEGIN IMMEDIATE");
  await attempt();
  intruder.exec("ROLLBACK");
  intruder.close();
  assert.deepEqual(outcomes, ["451 4.4.3", "451 4.4.3", "451 4.3.0"]);
  assert.deepEqual(await drain(), []);
  await attempt();
  assert.equal(outcomes.at(-1), "250 2.0.0");
  assert.equal((await drain()).length, 1);
  assert.ok(events.some((event) => event.kind === "refused" && event.cause !== null));
});

test("memory: what all sessions hold together is bounded, 452 beyond, and given back in the end", async () => {
  const holder = await Client.inTransaction();
  assert.match(await holder.say("DATA"), /^354/);
  const line = `${"x".repeat(70)}\r\n`;
  void holder.say(`${plain()}${line.repeat(2000)}`).catch(() => {});
  while (handler.bufferedOctets < 280_000) await new Promise((resolve) => setTimeout(resolve, 5));
  const second = await Client.inTransaction();
  assert.match(await second.send(`${plain()}${line.repeat(1500)}`), /^452 4\.3\.1/);
  assert.match(await second.say("MAIL FROM:<allice@someisp.test> SIZE=300000"), /^250/);
  assert.match(await second.say("RCPT TO:<bob@dest.test>"), /^250/);
  assert.match(await second.say("DATA"), /^452 4\.3\.1/);
  holder.close();
  while (handler.bufferedOctets > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.match(await second.say("RSET"), /^250/);
  assert.match(await second.say("MAIL FROM:<allice@someisp.test>"), /^250/);
  assert.match(await second.say("RCPT TO:<bob@dest.test>"), /^250/);
  assert.match(await second.send(`${plain()}${line.repeat(1500)}`), /^250/);
  second.close();
  assert.equal((await drain()).length, 1);
  assert.equal(handler.bufferedOctets, 0);
});
