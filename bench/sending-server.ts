// The server of sending.ts: submission that signs and queues, and delivery to one next hop, in one process as `vsmtp serve`
// has them, with its log in a file. On one port in clear text and without AUTH, which only a benchmark may: every client
// is one user there.
import assert from "node:assert/strict";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { pino } from "pino";
import { generate } from "selfsigned";
import { loadConfig } from "../src/config/index.ts";
import {
  createLog,
  openMailLog,
  openMemories,
  openNetwork,
  type Shared,
  startDelivery,
} from "../src/provider/index.ts";
import { Queue, RetrySchedule } from "../src/queue/index.ts";
import type { Login } from "../src/signing/index.ts";
import { type SmtpHandler, SmtpServer } from "../src/smtp/index.ts";
import { Spool } from "../src/spool/index.ts";
import { openQueueStore } from "../src/store/index.ts";
import { SubmissionHandler } from "../src/submission/index.ts";
import { openLocalVault } from "../test/support/local-vault.ts";
import { announce } from "./server-process.ts";

/** What the client has to know. */
export interface SendingReady {
  readonly port: number;
  /** With TLS from the first octet, and AUTH. */
  readonly loginPort: number;
  readonly certificate: string;
  readonly pid: number;
}

const HOSTNAME = "mail.example.test";
/** Where `dead.test` is, for who wants a destination that is dead. */
const [folder = "", nextHopPort = "", deadPort = nextHopPort] = process.argv.slice(2);
const settings = `
roles = ["delivery"]
hostname = "${HOSTNAME}"
data_directory = "${folder}"
[delivery]
connections_per_destination = 50
[routes]
"*" = "127.0.0.1:${nextHopPort}"
"dead.test" = "127.0.0.1:${deadPort}"
`;

const loaded = loadConfig(settings, "bench.toml");
assert.ok(loaded.ok);
const { config } = loaded;
const spool = await Spool.open(config.store.spool);
const store = await openQueueStore(join(folder, "queue.sqlite"), spool);
const queue = new Queue({ store, retry: new RetrySchedule(), hostname: HOSTNAME });
await queue.start();
const log = createLog("info", pino.destination(join(folder, "log")));
const keys = await openLocalVault(join(folder, "keyring.sqlite"));
await keys.keyring.addDomain("example.test");
const made = await keys.keyring.addAccount({ address: "u1@example.test", password: "secret" });
assert.ok(made.ok);

const network = openNetwork(config.network);
const shared: Shared = {
  config,
  log,
  network,
  memories: openMemories(config, network, log),
  mailLog: await openMailLog(config, log),
  watchers: {},
  waits: { retry: new RetrySchedule() },
};
const delivery = await startDelivery(
  shared,
  { queue, spool },
  {
    vault: keys.vault,
    dkim: new Map(),
    keyring: keys.store,
  },
);
const handler = new SubmissionHandler({
  hostname: HOSTNAME,
  vault: keys.vault,
  queue,
  spool,
  onEvent: ({ kind, ...event }) => log.info({ role: "submission", ...event, recipients: undefined }, kind),
});
const login = await logIn();
// `connect` makes everybody the one user who has logged in.
const trusting: SmtpHandler<Login> = {
  connect: (session) => {
    (session as { user: Login | null }).user = login;
    return null;
  },
  mail: (session, envelope) => handler.mail(session, envelope),
  data: (session, envelope) => handler.data(session, envelope),
};
const server = new SmtpServer<Login>({
  hostname: HOSTNAME,
  handler: trusting,
  tlsMode: "plain",
  limits: { connectionsPerAddress: 1000 },
});
const { cert: certificate, private: key } = await generate([{ name: "commonName", value: HOSTNAME }], {
  keyType: "ec",
  algorithm: "sha256",
  extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: HOSTNAME }] }],
});
const secureContext = createSecureContext({ cert: certificate, key });
const loginServer = new SmtpServer<Login>({
  hostname: HOSTNAME,
  handler,
  tlsMode: "implicit",
  secureContext: () => secureContext,
  requireAuth: true,
  limits: { connectionsPerAddress: 1000 },
});
const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
const { port: loginPort } = await loginServer.listen({ host: "127.0.0.1", port: 0 });
const ready: SendingReady = { port, loginPort, certificate, pid: process.pid };
announce(ready, async () => {
  await loginServer.close(0);
  await server.close(0);
  await delivery.stop();
  await queue.close();
  await store.close();
  await keys.store.close();
});

async function logIn(): Promise<Login> {
  const exchange = keys.vault.logIn("PLAIN", { client: "127.0.0.1", channelBinding: null });
  const step = await exchange?.respond(Buffer.from("\0u1@example.test\0secret"));
  assert.equal(step?.kind, "accepted");
  return step.login;
}
