// The servers of pipeline.ts: `submission` authenticates inside TLS, signs and queues; `mx` verifies with a key that it
// knows already, and queues. Both write to a real queue on disk, which nobody empties.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { generate } from "selfsigned";
import { defaultPolicy } from "../src/config/index.ts";
import { decodeAddress } from "../src/message/index.ts";
import { MxHandler } from "../src/mx/index.ts";
import { Queue, RetrySchedule } from "../src/queue/index.ts";
import { keyId, sign } from "../src/signature/index.ts";
import type { Login } from "../src/signing/index.ts";
import { SmtpServer } from "../src/smtp/index.ts";
import { Spool } from "../src/spool/index.ts";
import { openQueueStore } from "../src/store/index.ts";
import { SubmissionHandler } from "../src/submission/index.ts";
import { Verification } from "../src/verification/index.ts";
import { openLocalVault } from "../test/support/local-vault.ts";
import { letter } from "./sample-messages.ts";
import { announce } from "./server-process.ts";

/** What the client has to know. */
export interface PipelineReady {
  readonly port: number;
  /** PEM certificate of the server; null where it speaks in clear text. */
  readonly certificate: string | null;
  /** In base64. */
  readonly message: string;
}

const HOSTNAME = "mail.someisp.test";
const LOCALHOST = { host: "127.0.0.1", port: 0 };

const folder = mkdtempSync(join(tmpdir(), "vsmtp-bench-"));
const spool = await Spool.open(join(folder, "spool"));
const queueStore = await openQueueStore(join(folder, "queue.db"), spool);
const queue = new Queue({ store: queueStore, retry: new RetrySchedule() });
const message = letter(2048);

if (process.argv[2] === "submission") await serveSubmission();
else await serveMx();

async function serveSubmission(): Promise<void> {
  const { store, keyring, vault } = await openLocalVault(join(folder, "keyring.db"));
  await keyring.addDomain("someisp.test");
  const made = await keyring.addAccount({ address: "allice@someisp.test", password: "secret" });
  assert.ok(made.ok);
  const handler = new SubmissionHandler({ hostname: HOSTNAME, vault, queue, spool });
  const { cert, private: key } = await generate([{ name: "commonName", value: HOSTNAME }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: HOSTNAME }] }],
  });
  const secureContext = createSecureContext({ cert, key });
  const server = new SmtpServer<Login>({
    hostname: HOSTNAME,
    handler,
    tlsMode: "implicit",
    secureContext: () => secureContext,
    requireAuth: true,
    limits: { connections: 2000, connectionsPerAddress: 2000 },
  });
  const { port } = await server.listen(LOCALHOST);
  const ready: PipelineReady = { port, certificate: cert, message: message.toString("base64") };
  announce(ready, async () => {
    await closeQueue(server);
    await store.close();
    rmSync(folder, { recursive: true });
  });
}

async function serveMx(): Promise<void> {
  const identity = decodeAddress("allice@someisp.test");
  const bob = decodeAddress("bob@dest.test");
  assert.ok(identity && bob);
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const spki = publicKey.export({ format: "der", type: "spki" });
  const signed = sign(message, {
    identity,
    keys: [{ kid: keyId(spki), algorithm: "ed25519-sha256", privateKey }],
    signedAt: Math.floor(Date.now() / 1000),
    recipients: [bob],
  });
  assert.ok(signed.ok);
  const handler = new MxHandler({
    hostname: HOSTNAME,
    mailbox: () => ({
      kind: "accepted",
      settings: { name: "dest.test", stage: null, actions: {}, senders: [] },
    }),
    verification: new Verification({
      keys: { lookUp: async () => ({ kind: "key", spki, grants: [], trust: "host" }) },
      policies: { recordOf: unasked, policyFor: unasked },
    }),
    policy: defaultPolicy,
    quarantine: { into: "mailbox", keepMs: 0 },
    queue,
    spool,
    onEvent: ({ verdict }) => assert.equal(verdict.result, "pass"),
  });
  const server = new SmtpServer({ hostname: HOSTNAME, handler, tlsMode: "plain" });
  const { port } = await server.listen(LOCALHOST);
  const ready: PipelineReady = { port, certificate: null, message: signed.message.toString("base64") };
  announce(ready, async () => {
    await closeQueue(server);
    rmSync(folder, { recursive: true });
  });
}

function unasked(): never {
  throw new Error("a message that passes asks for no policy");
}

async function closeQueue(server: { close(graceMs: number): Promise<void> }): Promise<void> {
  await server.close(0);
  await queue.close();
  await queueStore.close();
}
