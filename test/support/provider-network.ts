// Several providers on loopback that know of each other what DNS tells them, and what came of each message at each of them.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createTransport } from "nodemailer";
import { MappingDialer } from "../../src/dialer/index.ts";
import { DnsServer } from "../../src/dns/index.ts";
import { AuditWriter, Authenticator, auditKeyOf, loadMasterKey, UserKeys } from "../../src/keyring/index.ts";
import { parseAddress } from "../../src/message/index.ts";
import type { MxEvent } from "../../src/mx/index.ts";
import {
  Authority,
  connectPlaces,
  dnsRecords,
  Installation,
  type InstallationPlan,
  Observer,
  type User,
} from "../../src/playground/index.ts";
import { receivedInMemory } from "../../src/reception/index.ts";
import { signSubmission } from "../../src/signing/index.ts";
import { openSmtp } from "../../src/smtp/index.ts";
import { openKeyringStore } from "../../src/store/index.ts";
import { KeyringVault } from "../../src/vault/index.ts";
import { freePorts } from "./free-ports.ts";

export interface ProviderPlan {
  /** Of its one domain; its MX is `mx.` before it. */
  readonly name: string;
  /** Policy record; none unless given. */
  readonly policy?: string;
  /** Further lines of its domain's table. */
  readonly settings?: string;
}

export interface Letter {
  readonly from: User;
  readonly to: readonly string[];
  readonly subject?: string;
  /** Header lines of the author's own, with CRLF ends. */
  readonly fields?: string;
  readonly text?: string;
}

/** What the MX of a provider said to a message. */
export type Judged = MxEvent & { readonly at: string };

const portsEach = 4;

export class ProviderNetwork {
  readonly folder: string;
  readonly dns: DnsServer;
  readonly providers: ReadonlyMap<string, Installation>;
  readonly #authority: Authority;
  readonly #judged: Judged[] = [];
  #letters = 0;

  private constructor(
    folder: string,
    dns: DnsServer,
    authority: Authority,
    providers: ReadonlyMap<string, Installation>,
    observer: Observer,
  ) {
    this.folder = folder;
    this.dns = dns;
    this.providers = providers;
    this.#authority = authority;
    observer.subscribe((happening) => {
      if (happening.kind === "judged") this.#judged.push({ ...happening.event, at: happening.at });
    });
  }

  static async start(plans: readonly ProviderPlan[]): Promise<ProviderNetwork> {
    const folder = mkdtempSync(join(tmpdir(), "vsmtp-providers-"));
    const dns = new DnsServer({ ttlSeconds: 0 });
    const [authority, { port: dnsPort }, ports] = await Promise.all([
      Authority.create(),
      dns.listen(),
      freePorts(plans.length * portsEach + 1),
    ]);
    const caFile = join(folder, "ca.pem");
    writeFileSync(caFile, authority.certificate);
    const take = (): number => ports.pop() as number;
    const installations = plans.map((plan): InstallationPlan => {
      return {
        name: plan.name,
        hostname: `mx.${plan.name}`,
        roles: ["submission", "key-server", "mx", "delivery"],
        ports: { smtp: take(), keys: take(), submissionTls: take(), submissionStartTls: take() },
        domains: [{ name: plan.name, ...(plan.settings === undefined ? {} : { more: plan.settings }) }],
        furtherNames: [`keyserver.${plan.name}`],
      };
    });
    const hosts = new Map(installations.map(({ hostname, ports: own }) => [hostname, own]));
    const domains = plans.map(({ name, policy }) => {
      return { name, mx: `mx.${name}`, ...(policy === undefined ? {} : { policy }) };
    });
    for (const [name, records] of dnsRecords(hosts, domains)) dns.set(name, records);
    const observer = new Observer();
    const connect = connectPlaces(hosts, take());
    const site = { folder, authority, observer, dnsPort, caFile, connect };
    const running = await Promise.all(installations.map((plan) => Installation.start(plan, site)));
    const providers = new Map(running.map((one) => [one.plan.name, one]));
    return new ProviderNetwork(folder, dns, authority, providers, observer);
  }

  at(name: string): Installation {
    return this.providers.get(name) as Installation;
  }

  /** Makes an account with a mailbox. */
  addUser(address: string): Promise<User> {
    return this.at(address.slice(address.lastIndexOf("@") + 1)).addUser(address);
  }

  /** Hands a letter in as its author does. @returns its Message-ID */
  async send({
    from,
    to,
    subject = "Hello",
    fields = "",
    text = "Hello,\r\n100 EUR.\r\n",
  }: Letter): Promise<string> {
    const messageId = `<letter-${++this.#letters}@${from.provider.plan.name}>`;
    const raw = `From: Author <${from.address}>\r\nTo: ${to.join(", ")}\r\nSubject: ${subject}\r\nMessage-ID: ${messageId}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n${fields}\r\n${text}`;
    await this.submit(from, to, raw);
    return messageId;
  }

  /** Hands octets in, as a mail program does. Rejects with what the server says. */
  async submit(from: User, to: readonly string[], raw: string): Promise<void> {
    const client = createTransport({
      host: "127.0.0.1",
      port: from.provider.plan.ports.submissionTls,
      secure: true,
      auth: { user: from.address, pass: from.password },
      tls: { ca: this.#authority.certificate, servername: "localhost" },
    });
    await client.sendMail({ raw: Buffer.from(raw, "latin1"), envelope: { from: from.address, to: [...to] } });
    client.close();
  }

  /** A letter as its provider would send it, signed for exactly one recipient; no mail program asks for that yet. */
  async signExact(
    { address, provider }: User,
    recipient: string,
  ): Promise<{ octets: string; messageId: string }> {
    const messageId = `<letter-${++this.#letters}@${provider.plan.name}>`;
    const raw = `From: ${address}\r\nTo: ${recipient}\r\nMessage-ID: ${messageId}\r\n\r\nFor you alone.\r\n`;
    const folder = provider.folder;
    const masterKey = await loadMasterKey({ kind: "file", path: join(folder, "master.key") });
    const store = await openKeyringStore({
      location: join(folder, "keyring.sqlite"),
      auditKey: auditKeyOf(masterKey),
    });
    try {
      const audit = new AuditWriter(store);
      const keys = new UserKeys({ store, masterKey, audit });
      const authenticator = new Authenticator({ store, masterKey, audit, scram: false });
      const parsed = parseAddress(address);
      const login =
        parsed.ok &&
        (await new KeyringVault({ authenticator, keys }).assert(parsed.address, {
          client: "",
          channelBinding: null,
        }));
      if (!login || "kind" in login) throw new Error(`${address} cannot sign`);
      const message = receivedInMemory(Buffer.from(raw));
      const usual = { smtputf8: false, authservIds: [], staple: false, now: Date.now() };
      const signed = await signSubmission(
        { ...usual, message, recipients: [recipient], flags: ["exact"] },
        login,
      );
      if (signed.kind !== "signed") throw new Error("it is not signed");
      const octets = Buffer.concat([signed.copies[0]?.signatures ?? Buffer.alloc(0), signed.content.inline]);
      return { octets: octets.toString("latin1"), messageId };
    } finally {
      await store.close();
    }
  }

  /**
   * Hands octets to the MX of a recipient's provider, as any host may.
   *
   * @returns what it says
   */
  async inject(reversePath: string, recipient: string, octets: string): Promise<string> {
    const { smtp: port } = this.at(recipient.slice(recipient.lastIndexOf("@") + 1)).plan.ports;
    const target = { host: "127.0.0.1", port, address: "127.0.0.1" };
    const opened = await openSmtp(new MappingDialer(), target, {
      hostname: "host.test",
      tls: { mode: "never" },
    });
    if (!opened.ok) throw new Error("the MX does not answer");
    const content = Buffer.from(octets, "latin1");
    const [outcome] = await opened.client.send({
      reversePath,
      recipients: [{ address: recipient }],
      content,
    });
    await opened.client.quit();
    return `${outcome?.code} ${outcome?.enhanced} ${outcome?.text}`;
  }

  /** What the MX of a provider said to a message for a recipient, as soon as it has. */
  async judged(messageId: string, recipient: string): Promise<Judged> {
    return await within(`${recipient} gets ${messageId}`, () => this.allJudged(messageId, recipient)[0]);
  }

  /** All that was said to it so far. */
  allJudged(messageId: string, recipient: string): readonly Judged[] {
    return this.#judged.filter(
      ({ message, envelope }) =>
        message.messageId === messageId && envelope.recipients.some(({ text }) => text === recipient),
    );
  }

  /** So many times an MX has judged it. */
  timesJudged(messageId: string): number {
    return this.#judged.filter(({ message }) => message.messageId === messageId).length;
  }

  /** A message as it stands in a mailbox, as soon as it does. */
  inMailbox(address: string, messageId: string): Promise<string> {
    return this.found(address, (message) => message.includes(`\r\nMessage-ID: ${messageId}\r\n`));
  }

  /** A message in a mailbox that fits, as soon as there is one. */
  async found(address: string, fits: (message: string) => boolean): Promise<string> {
    return await within(`there is such a message in the mailbox of ${address}`, () =>
      this.mailbox(address).find(fits),
    );
  }

  mailbox(address: string): readonly string[] {
    const provider = this.at(address.slice(address.lastIndexOf("@") + 1));
    const folder = join(provider.maildirOf(address), "new");
    mkdirSync(folder, { recursive: true });
    return readdirSync(folder).map((name) => readFileSync(join(folder, name), "latin1"));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.providers.values()].map((provider) => provider.stop()));
    await this.dns.close();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function within<T>(what: string, look: () => T | undefined): Promise<T> {
  for (let waited = 0; waited < 20_000; waited += 20) {
    const found = look();
    if (found !== undefined) return found;
    await sleep(20);
  }
  throw new Error(`it did not happen in 20 s that ${what}`);
}
