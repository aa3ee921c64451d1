import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createTransport, type SendMailOptions } from "nodemailer";
import { DnsServer } from "../../src/dns/index.ts";
import { type Authority, createAuthority } from "./certificates.ts";
import { freePorts } from "./free-ports.ts";
import { Installation } from "./installation.ts";

export const author = "allice@someisp.test";
const password = "secret";

/** A next hop on loopback. With a login it is "relay.test", asked for TLS with a certificate for that name. */
export interface Route {
  readonly port: number;
  readonly login?: { readonly user: string; readonly password: string };
}

/** A message as it stands in a mailbox of the receiving host. */
interface Stored {
  readonly id: unknown;
  readonly text: string;
}

/** The same, with what its MX said. */
export interface Arrived {
  readonly text: string;
  readonly result: unknown;
  readonly reason: unknown;
  readonly align: unknown;
  readonly rcpt: unknown;
  readonly detail: unknown;
}

export interface Submitted {
  readonly octets: Uint8Array;
  readonly recipients: readonly string[];
  /** What the author wants to hear of it (RFC 3461). */
  readonly dsn?: SendMailOptions["dsn"];
}

/**
 * Two installations and a DNS: mail.someisp.test signs and sends, mx.dest.test receives, for someisp.test too. Where
 * mail goes in between is the test's to say.
 */
export class TwoHosts {
  /** The receiver's ports: `tls` offers STARTTLS, `plain` does not. */
  readonly mxPorts: { readonly plain: number; readonly tls: number };
  readonly dns: DnsServer;
  readonly #dnsPort: number;
  readonly #smtpsPort: number;
  readonly #keyPort: number;
  /** Issues the certificates of both, and is trusted by both. */
  readonly authority: Authority;
  #sender: Installation | null = null;
  #receiver: Installation | null = null;

  private constructor(dns: DnsServer, authority: Authority, ports: readonly number[]) {
    const [dnsPort = 0, smtps = 0, key = 0, plain = 0, tls = 0] = ports;
    this.dns = dns;
    this.authority = authority;
    this.#dnsPort = dnsPort;
    this.#smtpsPort = smtps;
    this.#keyPort = key;
    this.mxPorts = { plain, tls };
  }

  static async prepare(): Promise<TwoHosts> {
    const dns = new DnsServer();
    dns.set("someisp.test", { MX: [[10, "mx.someisp.test"]] });
    dns.set("mx.someisp.test", { A: ["127.0.0.1"] });
    dns.set("relay.test", { A: ["127.0.0.1"] });
    dns.set("_vsmtp.someisp.test", { TXT: ["v=VSMTP1; p=reject"] });
    const [authority, { port }, ports] = await Promise.all([
      createAuthority(),
      dns.listen(0, "127.0.0.1"),
      freePorts(4),
    ]);
    return new TwoHosts(dns, authority, [port, ...ports]);
  }

  /**
   * @param domains whose mail it takes, for every name in them
   * @param more further tables of its settings
   */
  async startReceiver(domains: readonly string[], more = ""): Promise<void> {
    const tables = ["someisp.test", ...domains].map(
      (name) => `[[domains]]\nname = "${name}"\nmaildir_root = "mail/${name}"\ncatch_all = "all"\n`,
    );
    const settings = `roles = ["mx", "delivery"]
[mx]
listen = [{ address = "127.0.0.1:${this.mxPorts.plain}", tls = "none" }, "127.0.0.1:${this.mxPorts.tls}"]
${tables.join("")}${more}${this.#network({ "mx.someisp.test:8757": this.#keyPort })}`;
    const receiver = await Installation.create("mx.dest.test", this.authority, settings);
    this.#receiver = receiver;
    await receiver.serve();
  }

  /**
   * @param routes by domain
   * @param connect where "host:port" of the DNS really is on loopback
   */
  async startSender(
    routes: Readonly<Record<string, Route>>,
    connect: Readonly<Record<string, number>>,
  ): Promise<void> {
    const settings = `roles = ["submission", "key-server", "delivery"]
[accounts]
new_account_recipients = 1_000_000
recipients_per_period = 1_000_000
[submission]
eight_bit = "keep"
listen = [{ address = "127.0.0.1:${this.#smtpsPort}", tls = "implicit" }]
[key_server]
listen = ["127.0.0.1:${this.#keyPort}"]
[routes]
"someisp.test" = "127.0.0.1:${this.mxPorts.tls}"
${Object.entries(routes)
  .map(([domain, route]) => `"${domain}" = ${routeValue(route)}\n`)
  .join("")}${this.#network(connect)}`;
    const sender = await Installation.create("mx.someisp.test", this.authority, settings);
    this.#sender = sender;
    for (const { port, login } of Object.values(routes)) {
      if (login) sender.write(`${port}.secret`, `${login.password}\n`);
    }
    await sender.command(["domain", "add", "someisp.test"]);
    await sender.command(["account", "add", author, "--password-file", "-"], `${password}\n`);
    await sender.serve();
  }

  /** Hands a message in at the sending host. */
  async submit({ octets, recipients, dsn }: Submitted): Promise<void> {
    const client = createTransport({
      host: "127.0.0.1",
      port: this.#smtpsPort,
      secure: true,
      auth: { user: author, pass: password },
      tls: { ca: this.authority.cert, servername: "mx.someisp.test" },
    });
    const envelope = { from: author, to: [...recipients], use8BitMime: true };
    await client.sendMail({ raw: Buffer.from(octets), envelope, ...(dsn ? { dsn } : {}) });
  }

  /** Waits until the receiving host has put a message that fits into the mailbox of an address. */
  async stored(recipient: string, fits: (text: string) => boolean = () => true): Promise<Stored> {
    const receiver = this.#receiver as Installation;
    const domain = recipient.slice(recipient.lastIndexOf("@") + 1);
    const maildir = join("data/mail", domain, "all/new");
    const textOf = (id: unknown): string => {
      const file = readdirSync(join(receiver.folder, maildir)).find((name) => name.includes(`V${id}R`));
      return receiver.read(join(maildir, file ?? ""));
    };
    const { id } = await receiver.line(
      (line) =>
        line.role === "delivery" &&
        line.msg === "delivered" &&
        line.recipient === recipient &&
        fits(textOf(line.id)),
    );
    return { id, text: textOf(id) };
  }

  /** The same for a message that came in at its MX. */
  async arrived(recipient: string, fits?: (text: string) => boolean): Promise<Arrived> {
    const { id, text } = await this.stored(recipient, fits);
    const judged = await (this.#receiver as Installation).line(
      (line) => line.role === "mx" && line.queuedAs === id,
    );
    const { result, reason, align, rcpt, detail } = judged;
    return { text, result, reason, align, rcpt, detail };
  }

  /** What the receiving MX said of a message; null when it did not come in there. */
  resultOf(id: unknown): unknown {
    return this.#receiver?.lines.find((line) => line.role === "mx" && line.queuedAs === id)?.result ?? null;
  }

  /** What both hosts wrote about their work. */
  log(): string {
    const lines = [...(this.#sender?.lines ?? []), ...(this.#receiver?.lines ?? [])];
    return lines.map((line) => JSON.stringify(line)).join("\n");
  }

  async stop(): Promise<void> {
    await Promise.all([this.#sender?.stop(), this.#receiver?.stop()]);
    await this.dns.close();
  }

  #network(connect: Readonly<Record<string, number>>): string {
    const places = Object.entries(connect).map(([place, port]) => `"${place}" = "127.0.0.1:${port}"`);
    return `[network]
resolvers = ["127.0.0.1:${this.#dnsPort}"]
ca_file = "ca.pem"
allow_private_addresses = true
connect = { ${places.join(", ")} }
`;
  }
}

function routeValue({ port, login }: Route): string {
  return login
    ? `{ next_hop = "relay.test:${port}", user = "${login.user}", password = "${port}.secret" }`
    : `"127.0.0.1:${port}"`;
}
