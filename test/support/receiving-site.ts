import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Config } from "../../src/config/index.ts";
import { DnsServer } from "../../src/dns/index.ts";
import { KeyServer, type KeyServerOptions } from "../../src/key-server/index.ts";
import type { MxEvent } from "../../src/mx/index.ts";
import { Talker } from "../../src/smtp/test-peers.ts";
import { type Author, KeyList } from "./authors.ts";
import { type Authority, createAuthority } from "./certificates.ts";
import { type Places, ProviderHere } from "./provider-here.ts";

export interface SiteOptions {
  /** Further settings, tables of TOML. */
  readonly settings?: string;
  readonly config?: (config: Config) => Config;
  readonly folder?: string;
}

/** What became of a message: `250 pass`, `550 revoked`, with the whole of it beside. */
export interface Judged {
  readonly summary: string;
  readonly reply: string;
  readonly event: MxEvent | null;
}

const LOOPBACK = "127.0.0.1";

/**
 * A receiving installation for dest.test, as strict about addresses as on the Internet, in a world that is a DNS server
 * and a list of places. Whoever is connected to without being in the list is the trap.
 */
export class ReceivingSite {
  readonly dns = new DnsServer({ ttlSeconds: 0, onQuestion: ({ name }) => this.questions.push(name) });
  /** Names that were asked for, in order. */
  readonly questions: string[] = [];
  readonly places: Places = new Map();
  readonly events: MxEvent[] = [];
  readonly authority: Authority;
  /** Keys that the honest key server of someisp.test serves. */
  readonly keys = new KeyList();
  #provider: ProviderHere | null = null;
  #dnsPort = 0;
  #closers: (() => unknown)[] = [];
  /** Connections to places that nobody listed. */
  trapped = 0;

  private constructor(authority: Authority) {
    this.authority = authority;
  }

  static async start(options: SiteOptions = {}): Promise<ReceivingSite> {
    const site = new ReceivingSite(await createAuthority());
    site.#dnsPort = (await site.dns.listen(0, LOOPBACK)).port;
    site.#closers.push(() => site.dns.close());
    await site.raw("*", (socket) => {
      site.trapped++;
      socket.destroy();
    });
    site.publish("someisp.test", "mx.someisp.test", "p=reject");
    await site.keyServer("mx.someisp.test", site.keys);
    await site.startProvider(options);
    return site;
  }

  async startProvider({ settings = "", folder, config }: SiteOptions): Promise<void> {
    const roles = /^roles/m.test(settings) ? "" : `roles = ["mx", "delivery"]\n`;
    const provider = await ProviderHere.start(
      "mx.dest.test",
      `${roles}${settings}
[mx]
listen = ["${LOOPBACK}:0"]
[[domains]]
name = "dest.test"
maildir_root = "mail"
catch_all = "all"`,
      { authority: this.authority, dnsPort: this.#dnsPort, places: this.places },
      { onMx: (event) => this.events.push(event) },
      { ...(folder === undefined ? {} : { folder }), ...(config === undefined ? {} : { config }) },
    );
    this.#provider = provider;
  }

  get provider(): ProviderHere {
    if (this.#provider === null) throw new Error("it is not running");
    return this.#provider;
  }

  get dnsPort(): number {
    return this.#dnsPort;
  }

  /** The resolver is away until it listens again. */
  async startDns(): Promise<void> {
    await this.dns.listen(this.#dnsPort, LOOPBACK);
  }

  get port(): number {
    return this.provider.port("mx");
  }

  /** A domain with one MX host at a public address, and a policy record if there is one. */
  publish(domain: string, host: string, policy: string | null, address = "8.8.4.1"): void {
    this.dns.set(domain, { MX: [[10, host]] });
    this.dns.set(host, { A: [address] });
    if (policy !== null) this.dns.set(`_vsmtp.${domain}`, { TXT: [`v=VSMTP1; ${policy}`] });
  }

  async certificate(names: readonly string[]): Promise<SecureContext> {
    return createSecureContext(await this.authority.issue(names));
  }

  /** A real key server at port 8757 of a host, with a certificate for its name unless others are given. */
  async keyServer(
    host: string,
    directory: KeyList,
    options: Partial<KeyServerOptions> & { readonly names?: readonly string[] } = {},
  ): Promise<KeyServer> {
    const { names = [host], ...rest } = options;
    const context = await this.certificate(names);
    const server = new KeyServer({ directory, secureContext: () => context, exposure: "kid", ...rest });
    const { port } = await server.listen(0, LOOPBACK);
    this.places.set(`${host}:8757`, { host: LOOPBACK, port });
    this.#closers.unshift(() => server.close(0));
    return server;
  }

  /**
   * Something else at a place; "*" is everywhere that is not listed.
   *
   * @returns ends it
   */
  async raw(place: string, serve: (socket: Socket) => void): Promise<() => void> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on("error", () => {}));
      socket.on("close", () => sockets.delete(socket));
      serve(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
    this.places.set(place, { host: LOOPBACK, port: (server.address() as { port: number }).port });
    const close = (): void => {
      for (const socket of sockets) socket.destroy();
      server.close();
    };
    this.#closers.unshift(close);
    return close;
  }

  /** Sends a message by a connection of its own, as octets with dots stuffed. */
  async send(
    message: Buffer | string,
    { from = "allice@someisp.test", to = ["bob@dest.test"] } = {},
  ): Promise<Judged> {
    const talker = await Talker.hello(this.port);
    try {
      return await this.sendBy(talker, message, from, to);
    } finally {
      talker.destroy();
    }
  }

  async sendBy(
    talker: Talker,
    message: Buffer | string,
    from = "allice@someisp.test",
    to = ["bob@dest.test"],
  ): Promise<Judged> {
    const before = this.events.length;
    await talker.ask(`MAIL FROM:<${from}>`);
    for (const recipient of to) await talker.ask(`RCPT TO:<${recipient}>`);
    await talker.ask("DATA");
    const text = typeof message === "string" ? message : message.toString("latin1");
    const ended = text.endsWith("\r\n") ? text : `${text}\r\n`;
    talker.send(`${ended.replaceAll(/(?<=^|\r\n)\./g, "..")}.\r\n`);
    const answer = await talker.reply();
    const event =
      this.events.slice(before).find(({ envelope }) => (envelope.reversePath?.text ?? "") === from) ?? null;
    return { summary: summaryOf(answer, event), reply: answer, event };
  }

  /** A message in bob's mailbox that holds this text, as it was stored, now or soon. */
  async stored(mark: string): Promise<string> {
    const folder = join(this.provider.folder, "data", "mail", "all", "new");
    const deadline = Date.now() + 20_000;
    for (;;) {
      for (const name of existsSync(folder) ? readdirSync(folder) : []) {
        const text = readFileSync(join(folder, name), "latin1");
        if (text.includes(mark)) return text;
      }
      if (Date.now() > deadline) throw new Error(`nothing with ${mark} was stored`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** An author whose key the honest key server serves. */
  author(address: string): Author {
    return this.keys.author(address);
  }

  async stop(): Promise<void> {
    await this.#provider?.stop();
    for (const close of this.#closers) await close();
  }
}

function summaryOf(answer: string, event: MxEvent | null): string {
  const said = event === null ? "" : ` ${event.verdict.reason ?? event.verdict.result}`;
  return `${answer.slice(0, 3)}${said}`;
}
