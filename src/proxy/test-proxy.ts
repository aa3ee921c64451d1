// What the tests of this module stand between: a client without manners, and a next hop that records, or answers by a script.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { Border } from "../border/index.ts";
import { defaultPolicy, type PolicySettings } from "../config/index.ts";
import { nextHop, resolverOf } from "../delivery/test-network.ts";
import { MappingDialer } from "../dialer/index.ts";
import { dnsPolicySource } from "../dns/index.ts";
import { sign } from "../signature/index.ts";
import { ALLICE, address, KnownKeys } from "../signature/test-messages.ts";
import { AssertedLogins, type Vault } from "../signing/index.ts";
import { type SmtpHandler, SmtpServer, type SmtpServerOptions } from "../smtp/index.ts";
import { startServer, Talker } from "../smtp/test-peers.ts";
import { Spool } from "../spool/index.ts";
import { Verification } from "../verification/index.ts";
import {
  AssertedSenders,
  type AssertedSendersOptions,
  AssertingProxyHandler,
  type Job,
  NextHopConnections,
  type NextHopOptions,
  type ProxyEvent,
  ProxyHandler,
  type ProxyOptions,
  ReplayMemory,
  type Sender,
  SignJob,
  VerifyJob,
  type VerifyJobOptions,
} from "./index.ts";

export const NOW_S = 1_800_000_000;
const clock = { now: () => NOW_S * 1000 };

/** A next hop that takes everything, but for what `methods` refuse. */
export async function openHop(
  t: TestContext,
  methods: Partial<SmtpHandler<string>> = {},
  options: Partial<SmtpServerOptions<string>> = {},
) {
  const hop = await startServer({ tlsMode: "plain", ...options, methods });
  t.after(() => hop.server.close(0));
  return hop;
}

interface Common {
  readonly hop: number;
  readonly proxy?: Partial<ProxyOptions>;
  readonly connections?: Partial<NextHopOptions>;
  readonly server?: Partial<SmtpServerOptions<Sender>>;
  readonly spoolAfter?: number;
}

export interface Verifying extends Common {
  readonly policy?: Partial<PolicySettings>;
  readonly job?: Partial<VerifyJobOptions>;
}

export interface Signing extends Common {
  readonly vault: Pick<Vault, "assert">;
  readonly senders?: Partial<AssertedSendersOptions>;
  readonly eightBit?: "convert" | "keep";
}

export async function openVerifying(t: TestContext, { policy = {}, job = {}, ...common }: Verifying) {
  const settings = { ...defaultPolicy, ...policy };
  const verification = new Verification({
    keys: new KnownKeys(ALLICE),
    policies: dnsPolicySource(resolverOf({})),
    clock,
  });
  const border = new Border({ hostname: "proxy.test", verification, policy: settings });
  return openProxy(
    t,
    common,
    () =>
      new VerifyJob({
        hostname: "proxy.test",
        border,
        settingsOf: () => null,
        replays: settings.replays === "accept" ? null : new ReplayMemory(),
        clock,
        ...job,
      }),
    (options) => new ProxyHandler(options),
  );
}

export async function openSigning(
  t: TestContext,
  { vault, senders = {}, eightBit = "convert", ...common }: Signing,
) {
  const logins = new AssertedLogins(vault);
  t.after(() => logins.close());
  const asserted = new AssertedSenders({
    logins,
    by: "login",
    names: { domain: "someisp.test", exceptions: new Map() },
    unknownUsers: "accept",
    ...senders,
  });
  return openProxy(
    t,
    common,
    (spool) =>
      new SignJob({
        hostname: "proxy.test",
        otherHosts: [],
        senders: asserted,
        spool,
        staple: false,
        eightBit,
        dkim: new Map(),
        keys: null,
        clock,
      }),
    (options) => new AssertingProxyHandler(options, asserted),
  );
}

async function openProxy(
  t: TestContext,
  { hop, proxy = {}, connections: changed = {}, server: serverOptions = {}, spoolAfter = 10_000 }: Common,
  makeJob: (spool: Spool) => Job,
  makeHandler: (options: ProxyOptions) => SmtpHandler<Sender>,
) {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-proxy-"));
  const spool = await Spool.open(folder, { memoryOctets: spoolAfter, durable: false });
  const events: ProxyEvent[] = [];
  const wire: string[] = [];
  const connections = new NextHopConnections({
    hostname: "proxy.test",
    nextHop: nextHop("127.0.0.1", hop, { tls: "none" }),
    resolver: resolverOf({}),
    dialer: new MappingDialer(),
    dane: false,
    ca: null,
    passwordOf: () => "",
    connections: 20,
    waitMs: 2000,
    idleMs: 5000,
    deadlines: { greetingMs: 5000, ehloMs: 5000, mailMs: 5000, rcptMs: 5000, dataMs: 5000, dataEndMs: 5000 },
    transcript: (_place, line) => wire.push(line),
    ...changed,
  });
  const server = new SmtpServer<Sender>({
    hostname: "proxy.test",
    tlsMode: "plain",
    handler: makeHandler({
      job: makeJob(spool),
      connections,
      tellClient: "none",
      spool,
      clock,
      wait: async () => {},
      onEvent: (event) => events.push(event),
      ...proxy,
    }),
    ...serverOptions,
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  t.after(async () => {
    await server.close(0);
    await connections.close();
    rmSync(folder, { recursive: true });
  });
  return {
    port,
    events,
    wire,
    connections,
    server,
    files: () => readdirSync(folder),
    hello: () => Talker.hello(port),
  };
}

export const LETTER =
  "From: allice@someisp.test\r\nTo: bob@dest.test\r\nSubject: Hi\r\nDate: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-ID: <1@someisp.test>\r\n\r\nHello\r\n";

/** A letter with its author's signature. */
export function signedLetter(letter = LETTER): string {
  const signed = sign(Buffer.from(letter), {
    keys: [ALLICE],
    identity: address("allice@someisp.test"),
    signedAt: NOW_S,
  });
  if (!signed.ok) throw new Error(JSON.stringify(signed));
  return signed.message.toString("latin1");
}

/** Puts a message on a session that said EHLO: the replies to MAIL, to each RCPT, to DATA and to the end. */
export async function transact(
  talker: Talker,
  content: string,
  to: readonly string[] = ["bob@dest.test"],
  mail = "MAIL FROM:<allice@someisp.test>",
): Promise<string[]> {
  const replies = [await talker.ask(mail)];
  for (const recipient of to) replies.push(await talker.ask(`RCPT TO:<${recipient}>`));
  const go = await talker.ask("DATA");
  replies.push(go);
  if (!go.startsWith("354")) return replies;
  talker.send(`${content.replaceAll(/^\./gm, "..")}.\r\n`);
  replies.push(await talker.reply());
  return replies;
}
