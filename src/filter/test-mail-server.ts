// The side of a mail server that a filter sees: it asks about messages, and carries out what it is told.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Border, type DomainSettings } from "../border/index.ts";
import { defaultPolicy, type MilterSettings, type PolicySettings } from "../config/index.ts";
import type { DomainPolicy } from "../dns/index.ts";
import { PublicKeyView } from "../keyring/index.ts";
import { type Address, applyEdits, HeaderReader, parseAddress, parseHeader } from "../message/index.ts";
import type { MilterConnection, MilterOutcome, MilterPath, MilterTransaction } from "../milter/index.ts";
import { type KeySource, type Verdict, verify } from "../signature/index.ts";
import { Spool } from "../spool/index.ts";
import { Mode, type ModeName } from "../submission/test-modes.ts";
import { Verification } from "../verification/index.ts";
import { Filter, type FilterEvent, type FilterOptions, type SigningOptions } from "./index.ts";

export interface MailServerOptions {
  readonly mode?: ModeName;
  readonly mayAssert?: boolean;
  readonly submitters?: Partial<MilterSettings>;
  readonly signing?: Partial<SigningOptions>;
  readonly policy?: Partial<PolicySettings>;
  readonly quarantine?: "hold" | "mark";
  readonly onTrouble?: "defer" | "accept";
  /** Of some recipients' domains. */
  readonly domains?: readonly DomainSettings[];
  readonly jobs?: readonly ("sign" | "verify")[];
  /** What From domains want of unsigned mail. */
  readonly wanted?: DomainPolicy;
  readonly limit?: number;
  readonly memoryOctets?: number;
  /** Fails instead of finding keys. */
  readonly keyTrouble?: Error;
}

export interface Handed {
  readonly connection?: Partial<MilterConnection>;
  readonly macros?: Readonly<Record<string, string>>;
  readonly from?: string;
  readonly parameters?: readonly string[];
  readonly to?: readonly string[];
  readonly message: string | Uint8Array;
  /** The mail server does not wait for the outcome. */
  readonly isGone?: boolean;
}

export interface Told extends MilterOutcome {
  /** As the mail server has it afterwards. */
  readonly message: Buffer;
  /** Those that were not refused one by one. */
  readonly recipients: readonly string[];
  /** Whether the content was asked for. */
  readonly isRead: boolean;
}

export const LIMIT = 100;

export class MailServer {
  readonly events: FilterEvent[] = [];
  readonly mode: Mode;
  readonly filter: Filter;
  readonly spoolFolder: string;
  readonly #accounts = new Map<string, string>();

  private constructor(mode: Mode, spool: Spool, spoolFolder: string, options: MailServerOptions) {
    this.mode = mode;
    this.spoolFolder = spoolFolder;
    const jobs = options.jobs ?? ["sign", "verify"];
    this.filter = new Filter({
      hostname: "mail.someisp.test",
      submitters: {
        logins: { domain: "someisp.test", exceptions: new Map([["al", "allice@someisp.test"]]) },
        local: "unsigned",
        localUsers: new Map(),
        certificates: [],
        relays: [],
        ...options.submitters,
      },
      signing: jobs.includes("sign")
        ? {
            vault: mode.vault,
            unknownUsers: "accept",
            timeoutMs: 3000,
            keys: { lookUp: (query) => this.#keys.lookUp(query) },
            ...options.signing,
          }
        : null,
      verifying: jobs.includes("verify") ? this.#verifying(options) : null,
      spool,
      onEvent: (event) => this.events.push(event),
    });
  }

  static async start(t: TestContext, options: MailServerOptions = {}): Promise<MailServer> {
    const folder = mkdtempSync(join(tmpdir(), "vsmtp-filter-"));
    const mode = await Mode.start(options.mode ?? "keyring in the process", {
      clock: Date,
      limit: options.limit ?? LIMIT,
      replyMs: 1000,
      mayAssert: options.mayAssert ?? true,
    });
    assert.ok((await mode.keyring.addDomain("someisp.test")).ok);
    const spool = await Spool.open(folder, { durable: false, memoryOctets: options.memoryOctets ?? 10_000 });
    const server = new MailServer(mode, spool, folder, options);
    for (const name of ["allice", "boss", "web"]) {
      const made = await mode.keyring.addAccount({ address: `${name}@someisp.test` });
      assert.ok(made.ok);
      server.#accounts.set(name, made.account.id);
    }
    t.after(async () => {
      server.filter.close();
      await mode.stop();
      for (let n = 0; n < 50 && readdirSync(folder).length > 0; n++) await setTimeout(20);
      assert.deepEqual(readdirSync(folder), [], "nothing is left in the spool");
      rmSync(folder, { recursive: true });
    });
    return server;
  }

  #verifying(options: MailServerOptions): FilterOptions["verifying"] {
    const { domains = [], wanted = "none" } = options;
    const policyFor = async (domain: string) =>
      ({ kind: "policy", policy: wanted, testing: false, publishedAt: domain }) as const;
    const verification = new Verification({
      keys: {
        lookUp: async (query) => {
          if (options.keyTrouble) throw options.keyTrouble;
          return this.#keys.lookUp(query);
        },
      },
      policies: { policyFor, recordOf: async () => ({ kind: "none", problem: null, denied: false }) },
    });
    const all: DomainSettings = { name: "", stage: null, actions: {}, senders: [] };
    return {
      border: new Border({
        hostname: "mail.someisp.test",
        verification,
        policy: { ...defaultPolicy, ...options.policy },
      }),
      settingsOf:
        domains.length === 0
          ? null
          : (recipient) => domains.find(({ name }) => recipient.endsWith(`@${name}`)) ?? all,
      quarantine: options.quarantine ?? "hold",
      onTrouble: options.onTrouble ?? "defer",
    };
  }

  /** Its id. */
  account(name: string): string {
    return this.#accounts.get(name) ?? assert.fail(name);
  }

  /** What a key server would answer. */
  get #keys(): KeySource {
    const view = new PublicKeyView(this.mode.store);
    return {
      lookUp: async ({ identity, kid }) => {
        const key = (await view.keys(identity, Date.now() / 1000)).find((one) => one.kid === kid);
        if (key === undefined) return { kind: "fail", reason: "no-key", detail: "" };
        if (key.state === "revoked" || key.state === "suspended") {
          return { kind: "fail", reason: key.state, detail: "" };
        }
        return { kind: "key", spki: key.spki, grants: key.grants, trust: "host" };
      },
    };
  }

  async hand(handed: Handed): Promise<Told> {
    const { from = "allice@someisp.test", to = ["bob@dest.test"] } = handed;
    const octets = Buffer.from(handed.message);
    const recipients: MilterPath[] = [];
    const macros = new Map(Object.entries(handed.macros ?? { i: "4Bqw1" }));
    if (handed.macros && Object.keys(handed.macros).length > 0) macros.set("i", "4Bqw1");
    const transaction: MilterTransaction = {
      connection: {
        id: "c1",
        hostName: "client.test",
        family: "inet",
        address: "192.0.2.1",
        port: 40_000,
        helo: "client.test",
        version: 6,
        allows: { quarantine: true, changeHeaders: true, addHeaders: true, changeBody: true },
        ...handed.connection,
      },
      sender: { address: from, parameters: handed.parameters ?? [] },
      recipients,
      macros: { get: (name) => macros.get(name.replace(/[{}]/g, "")) },
    };
    const asIs = { edits: [], body: null, quarantine: null, message: octets, isRead: false };
    for (const address of to) {
      const answer = (await this.filter.rcpt?.(transaction, { address, parameters: [] })) ?? null;
      if (answer === null || answer.kind === "continue") recipients.push({ address, parameters: [] });
    }
    const named = recipients.map(({ address }) => address);
    const begun = await this.filter.begin(transaction);
    if ("kind" in begun) return { ...asIs, answer: begun, recipients: named };
    for (let at = 0; at < octets.length; at += 5000) await begun.write(octets.subarray(at, at + 5000));
    const outcome = await begun.finish();
    const message = handed.isGone ? octets : await edited(octets, outcome);
    await outcome.release?.();
    return { ...outcome, message, recipients: named, isRead: true };
  }

  verdict(message: Uint8Array, ...recipients: string[]): Promise<Verdict> {
    return verify(message, {
      now: Date.now() / 1000,
      recipients: recipients.map(addressOf),
      keys: this.#keys,
    });
  }

  async actions(): Promise<readonly string[]> {
    const entries = await this.mode.keyring.audit({ limit: 1000 });
    return entries.map(({ action }) => action);
  }
}

/** The message as the mail server's edits leave it. */
async function edited(octets: Buffer, { edits, body }: MilterOutcome): Promise<Buffer> {
  const reader = new HeaderReader();
  const rest = reader.write(octets);
  const header = parseHeader(reader.finish());
  // Each edit names a field by its position, for a mail server that has its own copy of the header.
  const here = edits.map((edit) => {
    if (edit.kind === "prepend") return edit;
    const field = header.fields.find(({ start }) => start === edit.field.start) ?? assert.fail();
    return { ...edit, field };
  });
  const pieces: Uint8Array[] = [applyEdits(header, here), Buffer.from("\r\n")];
  if (body === null) pieces.push(rest);
  else for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

function addressOf(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok);
  return parsed.address;
}
