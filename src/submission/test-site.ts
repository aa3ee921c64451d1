import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { PublicKeyView } from "../keyring/index.ts";
import { type Address, parseAddress } from "../message/index.ts";
import { type LeasedMessage, piecesOf, Queue, type QueueStore, RetrySchedule } from "../queue/index.ts";
import { verify } from "../signature/index.ts";
import type { DkimSigners, Login } from "../signing/index.ts";
import { type ServerLimits, SmtpServer, type TlsMode, type TrustedHosts } from "../smtp/index.ts";
import { Spool } from "../spool/index.ts";
import { openQueueStore } from "../store/index.ts";
import { type SubmissionEvent, SubmissionHandler } from "./index.ts";
import { certificate, certificateKey } from "./test-certificate.ts";
import { Client } from "./test-client.ts";
import { Mode, type ModeName } from "./test-modes.ts";

export interface QueuedMessage {
  readonly leased: LeasedMessage;
  readonly octets: Buffer;
}

export interface SiteOptions {
  /** Where queue and spool are to be; one of its own unless given. */
  readonly folder?: string;
  readonly dkim?: DkimSigners;
  readonly limits?: Partial<ServerLimits>;
  /** Hosts that say whose mail they bring; and whether the vault takes this server's word for it. */
  readonly trusted?: TrustedHosts;
  readonly mayAssert?: boolean;
}

export const BUFFER_OCTETS = 2 << 20;

/** The submission side of someisp.test with allice, boss and secretary, in one of the modes. */
export class Site {
  readonly mode: Mode;
  readonly queuePath: string;
  readonly events: SubmissionEvent[] = [];
  readonly handler: SubmissionHandler;
  readonly ports: Partial<Record<TlsMode, number>> = {};
  /** Ids by name. */
  readonly accounts = new Map<string, string>();
  /** Queue and spool are in it. */
  readonly folder: string;
  readonly #isFolderOurs: boolean;
  readonly #queueStore: QueueStore;
  readonly #queue: Queue;
  readonly #servers: SmtpServer<Login>[] = [];

  private constructor(
    mode: Mode,
    clock: { now(): number },
    stores: { folder: string; spool: Spool; store: QueueStore },
    options: SiteOptions,
  ) {
    const { folder, spool, store } = stores;
    this.mode = mode;
    this.folder = folder;
    this.#isFolderOurs = options.folder === undefined;
    this.queuePath = queuePathIn(folder);
    this.#queueStore = store;
    this.#queue = new Queue({ store: this.#queueStore, retry: new RetrySchedule() });
    this.handler = new SubmissionHandler({
      hostname: "mail.someisp.test",
      vault: mode.vault,
      queue: this.#queue,
      spool,
      clock,
      bufferOctets: BUFFER_OCTETS,
      logins: { domain: "someisp.test", exceptions: new Map([["root", "boss@someisp.test"]]) },
      ...(options.dkim ? { dkim: options.dkim } : {}),
      signingTimeoutMs: 10_000,
      onEvent: (event) => this.events.push(event),
    });
  }

  static async start(name: ModeName, clock: { now(): number }, options: SiteOptions = {}): Promise<Site> {
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), "vsmtp-submission-"));
    const spool = await Spool.open(join(folder, "spool"));
    const store = await openQueueStore(queuePathIn(folder), spool, { busyTimeoutMs: 10 });
    const mode = await Mode.start(name, {
      clock,
      limit: 100,
      replyMs: 1500,
      mayAssert: options.mayAssert ?? false,
    });
    const site = new Site(mode, clock, { folder, spool, store }, options);
    const { keyring } = site.mode;
    assert.ok((await keyring.addDomain("someisp.test")).ok);
    const aliases = ["al@someisp.test"];
    for (const [account, options] of [
      ["allice", { aliases, password: "secret" }],
      ["boss", {}],
      ["secretary", { password: "secret" }],
    ] as const) {
      const made = await keyring.addAccount({ address: `${account}@someisp.test`, ...options });
      assert.ok(made.ok);
      site.accounts.set(account, made.account.id);
    }
    for (const tlsMode of ["implicit", "starttls-required"] as const) {
      const server = new SmtpServer<Login>({
        hostname: "mail.someisp.test",
        handler: site.handler,
        tlsMode,
        requireAuth: true,
        secureContext: () => createSecureContext({ cert: certificate, key: certificateKey }),
        deadlines: { authFailureDelayMs: 0 },
        limits: options.limits ?? {},
        trusted: options.trusted ?? {},
      });
      site.#servers.push(server);
      site.ports[tlsMode] = (await server.listen({ host: "127.0.0.1", port: 0 })).port;
    }
    return site;
  }

  account(name: string): string {
    return this.accounts.get(name) ?? assert.fail(name);
  }

  connect(): Promise<Client> {
    return Client.open(this.ports.implicit ?? 0);
  }

  async logIn(name = "allice", password = "secret"): Promise<Client> {
    const client = await this.connect();
    assert.match(await client.logIn(`${name}@someisp.test`, password), /^235 2\.7\.0/);
    return client;
  }

  /** Logged in as allice, with sender and recipients given. */
  async inTransaction(recipients: readonly string[] = ["bob@dest.test"]): Promise<Client> {
    const client = await this.logIn();
    await client.begin("allice@someisp.test", recipients);
    return client;
  }

  /** Takes everything out of the queue. */
  async drain(): Promise<QueuedMessage[]> {
    const messages = [];
    for (const leased of await this.#queue.lease({
      limit: 1000,
      perDestination: () => 1000,
      inWork: new Map(),
    })) {
      const pieces: Uint8Array[] = [];
      for await (const piece of piecesOf(await this.#queue.content(leased))) pieces.push(piece);
      messages.push({ leased, octets: Buffer.concat(pieces) });
      const outcomes = leased.recipients.map(({ index }) => ({
        index,
        kind: "delivered" as const,
        detail: "",
      }));
      await this.#queue.settle(leased, { outcomes, attempted: true, warned: false, reports: [] });
    }
    const first = ({ leased }: QueuedMessage): string => leased.recipients[0]?.address ?? "";
    return messages.sort((a, b) => (first(a) < first(b) ? -1 : 1));
  }

  /** As a receiver sees a message now. */
  async verdictOf(message: QueuedMessage, nowMs: number): Promise<string> {
    const view = new PublicKeyView(this.mode.store);
    const now = Math.floor(nowMs / 1000);
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

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close(0)));
    await this.#queue.close();
    await this.#queueStore.close();
    await this.mode.stop();
    if (this.#isFolderOurs) rmSync(this.folder, { recursive: true });
  }
}

function queuePathIn(folder: string): string {
  return join(folder, "queue.db");
}
