import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { createTransport } from "nodemailer";
import { DnsServer } from "../../src/dns/index.ts";
import { createAuthority } from "./certificates.ts";
import { MailSink } from "./mail-sink.ts";
import { Dovecot, missingDovecot } from "./peers/dovecot.ts";
import { makeDkimKey, type PeerMilter } from "./peers/milter.ts";
import type { HostService, MilterHost, MilterHostSettings } from "./peers/milter-host.ts";
import { missingOpenDkim, startOpenDkim } from "./peers/opendkim.ts";
import type { RelayAccount } from "./peers/relay.ts";
import { missingRspamd, startRspamd } from "./peers/rspamd.ts";
import { type Places, ProviderHere } from "./provider-here.ts";

export const author = "allice@someisp.test";
/** He can log in at the mail server, and has no account of ours. */
export const stranger = "mallory@someisp.test";

/** Our milter without others, before all of them, behind all of them. */
export const orders = ["alone", "first", "last"] as const;
export type Order = (typeof orders)[number];

/** Mail for it comes in where the milters of the receiving host have that order. */
export const domainOf = (order: Order): string => `${order}.dest.test`;
/** The host where mail for dest.test arrives, and its mail server. */
export const border = "border.dest.test";
/** Mail for it goes to the sink as it leaves the host where it was handed in. */
export const straight = "straight.test";

export type StartHost = <Name extends string>(
  settings: MilterHostSettings<Name>,
) => Promise<MilterHost<Name>>;

/** Why there cannot be such sites here, as the reason to skip tests; false when there can. */
export function missingMilters(): string | false {
  return missingDovecot() || missingOpenDkim() || missingRspamd();
}

interface Parts {
  readonly sink: MailSink;
  readonly dns: DnsServer;
  readonly account: RelayAccount;
  readonly sender: ProviderHere;
  readonly receiver: ProviderHere;
  readonly dovecot: Dovecot;
  readonly opendkim: PeerMilter;
  readonly rspamd: PeerMilter;
  /** DKIM's, by name. */
  readonly records: Readonly<Record<string, string>>;
}

interface Hosts {
  readonly sender: MilterHost<Order | "certificates">;
  readonly receiver: MilterHost<Order>;
}

export interface Letter {
  readonly octets: Uint8Array;
  readonly recipients: readonly string[];
  readonly from?: string;
  /** Who logs in; null: nobody does. */
  readonly user?: string | null;
  /** What the client shows a certificate for. */
  readonly certificate?: string;
}

/**
 * Two providers whose mail servers are others': someisp.test, whose users write, and dest.test, where mail arrives. Our
 * milter signs at the one and verifies at the other, beside OpenDKIM and rspamd, which do both. A sink is where all ends.
 */
export class MilterSites {
  readonly #parts: Parts;
  #hosts: Hosts | null = null;
  #senderStops: Promise<void> | null = null;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @param socket where the sender's milter listens besides */
  static async start(socket: string | null = null): Promise<MilterSites> {
    const authority = await createAuthority();
    const dns = new DnsServer({ ttlSeconds: 0 });
    dns.set("someisp.test", { MX: [[10, "mx.someisp.test"]] });
    dns.set("mx.someisp.test", { A: ["8.8.4.1"] });
    dns.set("_vsmtp.someisp.test", { TXT: ["v=VSMTP1; p=reject"] });
    dns.set("_vsmtp.careful.test", { TXT: ["v=VSMTP1; p=quarantine"] });
    const keys = {
      opendkim: makeDkimKey("someisp.test", "opendkim", "ed25519"),
      rspamd: makeDkimKey("someisp.test", "rspamd", "rsa"),
    };
    const records = Object.fromEntries(Object.values(keys).map(({ name, record }) => [name, record]));
    for (const [name, record] of Object.entries(records)) dns.set(name, { TXT: [record] });
    const { port: dnsPort } = await dns.listen(0, "127.0.0.1");
    const places: Places = new Map();
    const world = { authority, dnsPort, places };
    const sender = await ProviderHere.start("mx.someisp.test", signing(socket), world);
    await sender.keyring.addDomain("someisp.test");
    await sender.keyring.addAccount({ address: author });
    places.set("mx.someisp.test:8757", { host: "127.0.0.1", port: sender.port("key-server") });
    const receiver = await ProviderHere.start(border, verifying, world);
    const dovecot = await Dovecot.start({ [author]: 0, [stranger]: 0 });
    const [opendkim, rspamd] = await Promise.all([
      startOpenDkim({ key: keys.opendkim, records, authservId: "opendkim.dest.test" }),
      startRspamd({ key: keys.rspamd, records }),
    ]);
    const account = {
      user: author,
      password: dovecot.password,
      authority,
      dovecotSocket: dovecot.authSocket,
    };
    const sink = new MailSink();
    await sink.listen();
    return new MilterSites({ sink, dns, account, sender, receiver, dovecot, opendkim, rspamd, records });
  }

  /** Starts the mail servers of both. */
  async startHosts(start: StartHost): Promise<void> {
    const { account, sender, receiver, sink } = this.#parts;
    const receiverHost = await start({
      hostname: border,
      services: this.#services(receiver, "anybody"),
      nextHops: Object.fromEntries(orders.map((order) => [domainOf(order), sink.port])),
    });
    const nextHops = Object.fromEntries(orders.map((order) => [domainOf(order), receiverHost.ports[order]]));
    const senderHost = await start({
      hostname: "mail.someisp.test",
      services: {
        ...this.#services(sender, "logins"),
        certificates: { milters: [sender.port("milter")], clients: "certificates" },
      },
      nextHops: { ...nextHops, [straight]: sink.port },
      account,
    });
    this.#hosts = { sender: senderHost, receiver: receiverHost };
  }

  #services(ours: ProviderHere, clients: HostService["clients"]): Record<Order, HostService> {
    const others = [this.#parts.opendkim.port, this.#parts.rspamd.port];
    const own = ours.port("milter");
    return {
      alone: { milters: [own], clients },
      first: { milters: [own, ...others], clients },
      last: { milters: [...others, own], clients },
    };
  }

  get sinkPort(): number {
    return this.#parts.sink.port;
  }

  /** Where our milter listens. */
  milterPort(who: "sender" | "receiver"): number {
    return this.#parts[who].port("milter");
  }

  get account(): RelayAccount {
    return this.#parts.account;
  }

  get hosts(): Hosts {
    if (this.#hosts === null) throw new Error("no mail servers run");
    return this.#hosts;
  }

  /** Hands a message in where users do. @returns what the server said at the end, `250 …` */
  submit(letter: Letter, order: Order = "alone"): Promise<string> {
    return this.#send(this.hosts.sender.ports[order], { user: author, ...letter });
  }

  /** Hands a message in as a device that has a certificate. */
  submitAs(certificate: string, letter: Letter): Promise<string> {
    return this.#send(this.hosts.sender.ports.certificates, { ...letter, certificate });
  }

  /** Brings a message from elsewhere. */
  bring(letter: Letter, order: Order = "alone"): Promise<string> {
    return this.#send(this.hosts.receiver.ports[order], letter);
  }

  /** The message as it came to the sink, for a recipient. */
  async arrived(recipient: string, patienceMs?: number): Promise<Buffer> {
    const message = await this.arrivedOrLost(recipient, patienceMs);
    if (message === null) throw new Error(`nothing came for ${recipient}`);
    return message;
  }

  async arrivedOrLost(recipient: string, patienceMs?: number): Promise<Buffer | null> {
    return (await this.#parts.sink.take([recipient], patienceMs)).get(recipient) ?? null;
  }

  /** The selectors of its DKIM signatures, with what mailauth says of each, sorted: `opendkim pass`. */
  async dkim(message: Buffer): Promise<string[]> {
    const { results } = await dkimVerify(message, {
      resolver: async (name: string) => [[this.#parts.records[name.toLowerCase()] ?? ""]],
    } as Parameters<typeof dkimVerify>[1]);
    const signed = results.filter(({ status }) => status.result !== "none");
    return signed.map(({ selector, status }) => `${selector} ${status.result}`).sort();
  }

  /** What all wrote about their work. */
  log(): string {
    const { sender, receiver, opendkim, rspamd } = this.#parts;
    const tail = (text: string): string => text.split("\n").slice(-60).join("\n");
    return [
      ...[sender, receiver].map(({ log }) => log.map((line) => JSON.stringify(line)).join("\n")),
      this.#hosts?.sender.log() ?? "",
      this.#hosts?.receiver.log() ?? "",
      opendkim.log(),
      rspamd.log(),
    ]
      .map(tail)
      .join("\n———\n");
  }

  /** Stops our milter, and nothing else, of the host where users hand in mail. */
  async stopSender(): Promise<void> {
    this.#senderStops ??= this.#parts.sender.stop();
    await this.#senderStops;
  }

  async stop(): Promise<void> {
    const { dns, sink, receiver, dovecot, opendkim, rspamd } = this.#parts;
    await Promise.all([this.#hosts?.sender.stop(), this.#hosts?.receiver.stop()]);
    await Promise.all([opendkim, rspamd, dovecot, receiver].map((each) => each.stop()));
    await this.stopSender();
    await sink.close();
    await dns.close();
  }

  async #send(port: number, { octets, recipients, from = author, ...proof }: Letter): Promise<string> {
    const client = createTransport({ host: "127.0.0.1", port, ...(await this.#proofOf(proof)) });
    const envelope = { from, to: [...recipients], use8BitMime: true };
    try {
      const { response } = await client.sendMail({ raw: Buffer.from(octets), envelope });
      return response;
    } catch (error) {
      const { response } = error as { response?: string };
      if (response === undefined) throw error;
      return response;
    }
  }

  async #proofOf({ user = null, certificate }: Pick<Letter, "user" | "certificate">) {
    const { authority, password } = this.#parts.account;
    if (certificate !== undefined) {
      const { cert, key } = await authority.issue([certificate]);
      const identity = { cert, key, ca: authority.cert, checkServerIdentity: () => undefined };
      return { requireTLS: true, tls: identity };
    }
    return { ignoreTLS: true, ...(user === null ? {} : { auth: { user, pass: password } }) };
  }
}

/** It has an account by its certificate. */
export const printer = "printer.someisp.test";

function signing(socket: string | null): string {
  const places = ['"127.0.0.1:0"'];
  if (socket !== null) places.push(`{ address = "unix:${socket}", mode = "0666" }`);
  return `roles = ["milter", "key-server"]
[milter]
listen = [${places.join(", ")}]
certificates = [
  { subject = "${printer}", issuer = "VSMTP test authority", account = "${author}" }, # as Postfix names them
  { subject = "/CN=${printer}", issuer = "/CN=VSMTP+20test+20authority", account = "${author}" }, # as Sendmail does
]
local = "sign"
[accounts]
new_account_recipients = 1_000_000
recipients_per_period = 1_000_000
[key_server]
listen = ["127.0.0.1:0"]
`;
}

const verifying = `roles = ["milter"]
[milter]
listen = ["127.0.0.1:0"]
`;
