import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createSecureContext } from "node:tls";
import { createTransport } from "nodemailer";
import { defaultPolicy } from "../src/config/index.ts";
import { MappingDialer } from "../src/dialer/index.ts";
import { DnsServer, dnsPolicySource, StubResolver } from "../src/dns/index.ts";
import { KeyLookup } from "../src/key-lookup/index.ts";
import { formatStaple, signStatement } from "../src/key-protocol/index.ts";
import { KeyServer } from "../src/key-server/index.ts";
import {
  AuditWriter,
  Authenticator,
  auditKeyOf,
  Keyring,
  KeyStatements,
  MasterKey,
  PublicKeyView,
  StatementSigning,
  UserKeys,
} from "../src/keyring/index.ts";
import type { Address } from "../src/message/index.ts";
import { type MxEvent, MxHandler } from "../src/mx/index.ts";
import { piecesOf, Queue, RetrySchedule } from "../src/queue/index.ts";
import { type Login, RemoteVault, type Vault } from "../src/signing/index.ts";
import { openSmtp, SmtpServer } from "../src/smtp/index.ts";
import { Spool } from "../src/spool/index.ts";
import { openKeyringStore, openQueueStore } from "../src/store/index.ts";
import { SubmissionHandler } from "../src/submission/index.ts";
import { KeyringVault, VaultServer } from "../src/vault/index.ts";
import { openVault, VaultClient } from "../src/vault-protocol/index.ts";
import { Verification } from "../src/verification/index.ts";
import { createAuthority } from "./support/certificates.ts";

// A statement's way, on sockets: from the sender's vault with the message to a receiver, with the clock in our hand.

const folder = mkdtempSync(join(tmpdir(), "vsmtp-stapling-"));
let nowMs = Date.UTC(2026, 0, 1);
const clock = { now: () => nowMs };

const authority = await createAuthority();
const secureContext = createSecureContext(await authority.issue(["localhost", "mx.someisp.test"]));
const masterKey = MasterKey.generate();
const store = await openKeyringStore({
  location: join(folder, "keyring.db"),
  auditKey: auditKeyOf(masterKey),
});
const keyring = await Keyring.open({ store, masterKey, clock });
const view = new PublicKeyView(store);
const privateKey = async (domain: string) => (await keyring.statementKey(domain))?.privateKey ?? null;
const signing = await StatementSigning.open({ store, privateKey });
const statements = new KeyStatements({ view, signing, clock });
const audit = new AuditWriter(store);
const access = {
  audit,
  authenticator: new Authenticator({ store, masterKey, clock, audit, scram: false }),
  keys: new UserKeys({ store, masterKey, clock, audit }),
  statementOf: (identity: Address, kid: string) => statements.statementOf(identity, kid),
};
const privateInterface = new VaultServer({
  ...access,
  enrolments: () => store.enrolments(),
  nowMs: clock.now,
});

const spool = await Spool.open(join(folder, "spool"));
const sentStore = await openQueueStore(join(folder, "sent.db"), spool);
const sent = new Queue({ store: sentStore, retry: new RetrySchedule() });
const hostname = "mx.someisp.test";
/** Submission servers that have been started. */
const submissions: SmtpServer<Login>[] = [];
const vaults: Vault[] = [];

/** @returns the port */
async function submitTo(vault: Vault): Promise<number> {
  const handler = new SubmissionHandler({ hostname, vault, queue: sent, spool, clock, staple: true });
  const server = new SmtpServer<Login>({
    hostname,
    handler,
    tlsMode: "implicit",
    requireAuth: true,
    secureContext: () => secureContext,
  });
  submissions.push(server);
  vaults.push(vault);
  return (await server.listen({ host: "127.0.0.1", port: 0 })).port;
}

const dns = new DnsServer({ ttlSeconds: 0 });
let nameServer = { address: "", port: 0 };
let submissionPort = 0;
let accountId = "";
let keyServer: KeyServer | null = null;
let keyPort = 0;

before(async () => {
  assert.ok((await keyring.addDomain("someisp.test", { signStatements: true })).ok);
  const made = await keyring.addAccount({
    address: "allice@someisp.test",
    password: "correct horse battery",
  });
  assert.ok(made.ok);
  accountId = made.account.id;
  const dk = await keyring.statementKey("someisp.test");
  const text = `v=VSMTP1; p=reject; sl=300; dk=${dk?.spki && Buffer.from(dk.spki).toString("base64")}`;
  dns.set("_vsmtp.someisp.test", { TXT: [text] });
  dns.set("someisp.test", { MX: [[10, hostname]] });
  dns.set(hostname, { A: ["127.0.0.1"] });
  nameServer = await dns.listen(0, "127.0.0.1");
  submissionPort = await submitTo(new KeyringVault(access));
});
after(async () => {
  await Promise.all(submissions.map((server) => server.close(0)));
  await Promise.all(vaults.map((vault) => vault.close()));
  await privateInterface.close(0);
  await sent.close();
  await sentStore.close();
  await keyServer?.close(0);
  await store.close();
  await dns.close();
  rmSync(folder, { recursive: true });
});

/** Sends as a mail client does, and gives what is on its way to dest.test. */
async function mail(header: Record<string, string> = {}, port = submissionPort): Promise<Buffer> {
  const transport = createTransport({
    host: "localhost",
    port,
    secure: true,
    tls: { ca: authority.cert },
    auth: { user: "allice@someisp.test", pass: "correct horse battery" },
  });
  await transport.sendMail({
    from: "allice@someisp.test",
    to: "bob@dest.test",
    subject: "Lunch?",
    text: "Noon?",
    headers: header,
  });
  transport.close();
  const [message] = await sent.lease({ limit: 1, perDestination: () => 1, inWork: new Map() });
  assert.ok(message);
  const pieces: Uint8Array[] = [];
  for await (const piece of piecesOf(await sent.content(message))) pieces.push(piece);
  const outcomes = [{ index: 0, kind: "delivered" as const, detail: "" }];
  await sent.settle(message, { outcomes, attempted: true, warned: false, reports: [] });
  return Buffer.concat(pieces);
}

async function startKeyServer(): Promise<void> {
  keyServer = new KeyServer({
    directory: view,
    signer: signing,
    exposure: "open",
    secureContext: () => secureContext,
    nowMs: () => nowMs,
  });
  keyPort = (await keyServer.listen(0, "127.0.0.1")).port;
}

let received = 0;

/** A receiver that has never heard of anybody: what becomes of a message, such as `250 pass host stapled`. */
async function receive(content: Buffer): Promise<string> {
  const resolver = new StubResolver({ servers: [nameServer] });
  const policies = dnsPolicySource(resolver);
  const keys = new KeyLookup({
    resolver,
    policies,
    ca: [authority.cert],
    // Port 9 takes no connections: there is no key server yet.
    port: keyPort === 0 ? 9 : keyPort,
    allowPrivateAddresses: true,
    nowMs: () => nowMs,
  });
  const events: MxEvent[] = [];
  const queueStore = await openQueueStore(join(folder, `received-${received++}.db`), spool);
  const queue = new Queue({ store: queueStore, retry: new RetrySchedule() });
  const server = new SmtpServer({
    hostname: "mx.dest.test",
    tlsMode: "plain",
    handler: new MxHandler({
      hostname: "mx.dest.test",
      mailbox: () => ({
        kind: "accepted",
        settings: { name: "dest.test", stage: null, actions: {}, senders: [] },
      }),
      verification: new Verification({ keys, policies, clock }),
      policy: defaultPolicy,
      quarantine: { into: "mailbox", keepMs: 0 },
      queue,
      spool,
      clock,
      onEvent: (event) => events.push(event),
    }),
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  try {
    const target = { host: "mx.dest.test", address: "127.0.0.1", port };
    const opened = await openSmtp(new MappingDialer(), target, { hostname, tls: { mode: "never" } });
    assert.ok(opened.ok);
    const [outcome] = await opened.client.send({
      reversePath: "allice@someisp.test",
      recipients: [{ address: "bob@dest.test" }],
      content,
    });
    await opened.client.quit();
    const [event] = events;
    assert.ok(event && outcome);
    const { verdict, stapled } = event;
    const words = [outcome.code, verdict.reason ?? verdict.result, verdict.trust, stapled ? "stapled" : null];
    return words.filter((word) => word !== null).join(" ");
  } finally {
    await server.close(0);
    keys.close();
    await queue.close();
    await queueStore.close();
  }
}

test("prompt mail is verified while the key server is down; delayed mail waits for it (STP-1, STP-2)", async () => {
  const message = await mail();
  assert.equal(
    message.toString("latin1").match(/^VSMTP-Key-Statement: v=1; i=allice@someisp\.test;/gm)?.length,
    1,
  );
  assert.equal(await receive(message), "250 pass host stapled");
  nowMs += 300_000;
  assert.equal(await receive(message), "250 pass host stapled");
  nowMs += 1000;
  assert.equal(await receive(message), "451 unavailable");
  await startKeyServer();
  assert.equal(await receive(message), "250 pass host");
});

test("what users write into the field themselves is not sent (STP-6)", async () => {
  const message = await mail({ "VSMTP-Key-Statement": "v=1; i=allice@someisp.test; forged" });
  assert.doesNotMatch(message.toString("latin1"), /forged/);
  assert.equal(await receive(message), "250 pass host stapled");
});

test("a submission server without key store gets its staples from the vault, in both modes (PRV-10, PRV-16)", async () => {
  const proof = { kind: "unix-socket", user: userInfo().username, group: null } as const;
  const modes = ["sign", "getkey"] as const;
  assert.ok((await keyring.enrol({ name: "ss", proof, scope: ["*"], modes, mayAssert: false })).ok);
  await privateInterface.start();
  await privateInterface.listenUnix(folder);
  for (const mode of modes) {
    const client = new VaultClient({
      open: () => openVault({ kind: "unix", path: join(folder, "ss.sock") }),
    });
    const port = await submitTo(new RemoteVault({ client, mode, clock }));
    assert.equal(await receive(await mail({}, port)), "250 pass host stapled", mode);
  }
});

test("a staple that was forged on the way is ignored, and the key looked up (STP-2)", async () => {
  const text = (await mail()).toString("latin1");
  const [field] = /^VSMTP-Key-Statement:.*\r\n(?: .*\r\n)*/m.exec(text) ?? assert.fail("no staple");
  const statement = field
    .slice(field.indexOf(":") + 2)
    .replace(/\r\n/g, "")
    .trim();
  const { privateKey: nobody } = generateKeyPairSync("ed25519");
  const unsigned = statement.replace(/; s=.*$/, "");
  for (const forged of [
    signStatement(unsigned.replace("st=active", "st=revoked"), nobody),
    statement.replace("ttl=600", "ttl=86400"),
  ]) {
    assert.equal(
      await receive(Buffer.from(text.replace(field, formatStaple(forged) ?? ""), "latin1")),
      "250 pass host",
    );
  }
});

test("after a re-key staples about the old key are void when sl is over, and new mail passes at once (LIF-7)", async () => {
  const old = await mail();
  assert.ok((await keyring.rekey(accountId)).ok);
  assert.equal(await receive(await mail()), "250 pass host stapled");
  assert.equal(await receive(old), "250 pass host stapled");
  nowMs += 301_000;
  assert.equal(await receive(old), "550 revoked");
});
