import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DomainSettings } from "../border/index.ts";
import { defaultPolicy, type PolicySettings } from "../config/index.ts";
import { MappingDialer } from "../dialer/index.ts";
import { DnsServer, dnsPolicySource, StubResolver } from "../dns/index.ts";
import { statementKeySource } from "../key-protocol/index.ts";
import { parseAddress } from "../message/index.ts";
import type { NeighbourResults } from "../neighbours/index.ts";
import { piecesOf, Queue, RetrySchedule } from "../queue/index.ts";
import { keyId, type SigningKey, type SignOptions, sign } from "../signature/index.ts";
import { openSmtp, SmtpServer } from "../smtp/index.ts";
import { Spool } from "../spool/index.ts";
import { openQueueStore } from "../store/index.ts";
import { Verification } from "../verification/index.ts";
import { type MxEvent, MxHandler, type MxOptions } from "./index.ts";

export const NOW_S = 1_800_000_000;

/** What the neighbours say of mail of which they know nothing. */
export const nothingKnown: NeighbourResults = {
  recorded: [],
  spf: { result: "none", domain: null },
  dkim: [],
  dmarc: { result: "none", domain: null, policy: null },
  arc: { result: "none", sealers: [], recordedPass: { vsmtp: false, dmarc: false } },
  fromPasses: false,
};

/**
 * An MX on a socket whose settings a test changes: domains (each with all its local parts), the policy for all, and what
 * the neighbours say. allice@someisp.test has a key; DNS answers on loopback.
 */
export class MxHere {
  readonly dns = new DnsServer();
  readonly events: MxEvent[] = [];
  domains: DomainSettings[] = [{ name: "dest.test", stage: null, actions: {}, senders: [] }];
  neighbours: NeighbourResults = nothingKnown;
  quarantine: MxOptions["quarantine"] = { into: "mailbox", keepMs: 0 };
  readonly #folder = mkdtempSync(join(tmpdir(), "vsmtp-border-"));
  readonly spoolFolder = join(this.#folder, "spool");
  readonly #key: SigningKey;
  readonly #statement: string;
  #queue: Queue | null = null;
  #close: () => Promise<void> = async () => {};
  #begin: (policy: PolicySettings) => Promise<number> = async () => 0;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const pem = publicKey.export({ format: "pem", type: "spki" });
    const spki = createPublicKey(pem).export({ format: "der", type: "spki" });
    this.#key = { kid: keyId(spki), algorithm: "ed25519-sha256", privateKey };
    const times = `nb=${NOW_S - 100}; na=${NOW_S + 9_999_999}; iat=${NOW_S}; ttl=600`;
    this.#statement = `v=1; i=allice@someisp.test; k=${this.#key.kid}; a=ed25519-sha256; st=active; ${times}; p=${spki.toString("base64")}`;
  }

  async start(): Promise<void> {
    const { port } = await this.dns.listen(0, "127.0.0.1");
    const policies = dnsPolicySource(new StubResolver({ servers: [{ address: "127.0.0.1", port }] }));
    const spool = await Spool.open(this.spoolFolder);
    const store = await openQueueStore(join(this.#folder, "queue.db"), spool);
    const queue = new Queue({ store, retry: new RetrySchedule() });
    this.#queue = queue;
    const verification = new Verification({
      keys: statementKeySource([this.#statement]),
      policies,
      neighbours: { check: async () => this.neighbours },
      clock: { now: () => NOW_S * 1000 },
    });
    const servers: SmtpServer[] = [];
    this.#begin = async (policy) => {
      const handler = new MxHandler({
        hostname: "mx.dest.test",
        mailbox: (_, domain) => {
          const settings = this.domains.find(({ name }) => name === domain);
          return settings ? { kind: "accepted", settings } : { kind: "not-hosted" };
        },
        verification,
        policy,
        quarantine: this.quarantine,
        queue,
        spool,
        onEvent: (event) => this.events.push(event),
      });
      const server = new SmtpServer({ hostname: "mx.dest.test", handler, tlsMode: "plain" });
      servers.push(server);
      return (await server.listen({ host: "127.0.0.1", port: 0 })).port;
    };
    this.#close = async () => {
      for (const server of servers) await server.close(0);
      await queue.close();
      await store.close();
      await this.dns.close();
      rmSync(this.#folder, { recursive: true, force: true });
    };
  }

  close(): Promise<void> {
    return this.#close();
  }

  /** allice's signature before a message. */
  signed(message: string, options: Partial<SignOptions> = {}): string {
    const identity = parseAddress("allice@someisp.test");
    if (!identity.ok) throw new Error(identity.detail);
    const keys = [this.#key];
    const result = sign(Buffer.from(message), {
      keys,
      identity: identity.address,
      signedAt: NOW_S,
      ...options,
    });
    if (!result.ok) throw new Error(JSON.stringify(result));
    return result.message.toString("latin1");
  }

  /** Another server with this policy; repeats are accepted unless it says otherwise. */
  listen(policy: Partial<PolicySettings> = {}): Promise<number> {
    return this.#begin({ ...defaultPolicy, replays: "accept", ...policy });
  }

  /** Sends a message, perhaps once more, under a policy and tells the replies, one for each recipient. */
  async send(
    message: string,
    policy: Partial<PolicySettings> = {},
    to = ["bob@dest.test"],
  ): Promise<string[]> {
    const port = await this.listen(policy);
    const target = { host: "mx.dest.test", address: "127.0.0.1", port };
    const opened = await openSmtp(new MappingDialer(), target, {
      hostname: "out.test",
      tls: { mode: "never" },
    });
    if (!opened.ok) throw new Error(JSON.stringify(opened));
    const outcomes = await opened.client.send({
      reversePath: "allice@someisp.test",
      recipients: to.map((address) => ({ address })),
      content: Buffer.from(message, "latin1"),
    });
    await opened.client.quit();
    return outcomes.map(({ code, enhanced, text }) => `${code} ${enhanced} ${text}`);
  }

  get queue(): Queue {
    return this.#queue as Queue;
  }

  /** The messages in the queue, which is emptied. */
  async queued(): Promise<string[]> {
    return (await this.entries()).map(({ text }) => text);
  }

  /** The same, with their recipients. */
  async entries(): Promise<{ text: string; to: string[] }[]> {
    const queue = this.queue;
    const found: { text: string; to: string[] }[] = [];
    for (const message of await queue.lease({ limit: 10, perDestination: () => 10, inWork: new Map() })) {
      const pieces: Uint8Array[] = [];
      for await (const piece of piecesOf(await queue.content(message))) pieces.push(piece);
      const to = message.recipients.map(({ address }) => address);
      found.push({ text: Buffer.concat(pieces).toString("latin1"), to });
      const outcomes = message.recipients.map(({ index }) => ({
        index,
        kind: "delivered" as const,
        detail: "",
      }));
      await queue.settle(message, { outcomes, attempted: true, warned: false, reports: [] });
    }
    return found;
  }
}
