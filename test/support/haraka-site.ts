import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createTransport } from "nodemailer";
import { DnsServer } from "../../src/dns/index.ts";
import { type Authority, type Certificate, createAuthority } from "./certificates.ts";
import { freePorts } from "./free-ports.ts";
import { MailSink } from "./mail-sink.ts";
import { harakaConfig, startHarakaProgram } from "./peers/haraka-program.ts";
import type { PeerProcess } from "./peers/peer-process.ts";
import { ProviderHere } from "./provider-here.ts";

export const plugin = join(import.meta.dirname, "../../packages/haraka-plugin-vsmtp");
/** Plugins of ours for tests. */
const plugins = {
  "routes.js": join(import.meta.dirname, "peers/haraka-routes.cjs"),
  "saboteur.js": join(import.meta.dirname, "peers/haraka-saboteur.cjs"),
};

/** Who may log in to Haraka, with this password. Haraka knows more users than the vault. */
export const password = "secret";
const users = ["allice", "allice@someisp.test", "carol", "stranger", "suspended", "unknown"];

export interface Message {
  readonly octets: Uint8Array;
  readonly from: string;
  readonly to: readonly string[];
  /** Null: nobody logs in. */
  readonly user?: string | null;
}

/** Large messages, of which little is in memory. */
const connection = "[main]\nspool_after=1000000\n[max]\nbytes=100000000\n";

type Haraka = PeerProcess & { readonly folder: string };

/**
 * A Haraka that users of someisp.test log in to, whose accounts are in a vault of ours, and one that takes mail for
 * dest.test, each with the plugin as an operator installs it. What passes both ends in a sink; so does what the first one
 * sends to `*.sink.test`.
 */
export class HarakaSite {
  readonly sink = new MailSink();
  readonly dns = new DnsServer({ ttlSeconds: 0 });
  readonly ports: {
    readonly plain: number;
    readonly submission: number;
    readonly mx: number;
    readonly key: number;
    readonly vault: number;
  };
  readonly #authority: Authority;
  readonly folder = mkdtempSync(join(tmpdir(), "vsmtp-haraka-site-"));
  readonly #vsmtp: string;
  #dnsPort = 0;
  #provider: ProviderHere | null = null;
  /** By which a Haraka elsewhere is known to the vault. */
  readonly #far: Certificate;
  readonly #harakas: Haraka[] = [];

  private constructor(authority: Authority, far: Certificate, ports: readonly number[]) {
    this.#authority = authority;
    this.#far = far;
    const [plain = 0, submission = 0, mx = 0, key = 0, vault = 0] = ports;
    this.ports = { plain, submission, mx, key, vault };
    // The package "vsmtp" as if it were installed: types are stripped outside of node_modules only.
    this.#vsmtp = join(this.folder, "vsmtp");
    mkdirSync(this.#vsmtp);
    const library = join(import.meta.dirname, "../../src/index.ts");
    writeFileSync(
      join(this.#vsmtp, "package.json"),
      '{"name":"vsmtp","type":"module","exports":"./index.js"}',
    );
    writeFileSync(join(this.#vsmtp, "index.js"), `export * from ${JSON.stringify(library)};\n`);
  }

  static async start(): Promise<HarakaSite> {
    const [authority, ports] = await Promise.all([createAuthority(), freePorts(5)]);
    const site = new HarakaSite(authority, await authority.issue(["far.test"]), ports);
    site.#dnsPort = (await site.dns.listen(0, "127.0.0.1")).port;
    site.dns.set("someisp.test", { MX: [[10, "mx.someisp.test"]] });
    site.dns.set("mx.someisp.test", { A: ["127.0.0.1"] });
    site.dns.set("_vsmtp.someisp.test", { TXT: ["v=VSMTP1; p=reject"] });
    await site.sink.listen();
    await site.startVault();
    const { keyring } = site.vault;
    assert.ok((await keyring.addDomain("someisp.test")).ok);
    for (const name of ["allice", "carol", "suspended"]) {
      const made = await keyring.addAccount({ address: `${name}@someisp.test`, password });
      assert.ok(made.ok && (name !== "suspended" || (await keyring.suspend(made.account.id)).ok));
    }
    const local = { kind: "unix-socket", user: userInfo().username, group: null } as const;
    const far = { kind: "certificate", spkiSha256: spkiOf(site.#far.cert) } as const;
    for (const [name, proof, mayAssert] of [
      ["haraka", local, true],
      ["powerless", local, false],
      ["far", far, true],
    ] as const) {
      const enrolled = await keyring.enrol({
        name,
        proof,
        scope: ["*"],
        modes: ["sign", "getkey"],
        mayAssert,
      });
      assert.ok(enrolled.ok);
    }
    return site;
  }

  /** At the same sockets, with the same accounts, each time. */
  async startVault(): Promise<void> {
    const settings = `roles = ["vault", "key-server"]
[accounts]
recipients_per_period = 1_000_000
new_account_recipients = 1_000_000
[vault]
listen = ["127.0.0.1:${this.ports.vault}"]
socket_directory = "${join(this.folder, "run")}"
[key_server]
listen = ["127.0.0.1:${this.ports.key}"]
`;
    const folder = join(this.folder, "vault");
    mkdirSync(folder, { recursive: true });
    const world = { authority: this.#authority, dnsPort: this.#dnsPort, places: new Map() };
    this.#provider = await ProviderHere.start("mx.someisp.test", settings, world, {}, { folder });
  }

  get vault(): ProviderHere {
    if (this.#provider === null) throw new Error("the vault is not running");
    return this.#provider;
  }

  /** Ends the vault; its folder stays for the next start. */
  async stopVault(): Promise<void> {
    await this.#provider?.end();
    this.#provider = null;
  }

  /** By which the vault is known; another one after each start. */
  get vaultSpki(): string {
    return spkiOf(readFileSync(join(this.folder, "vault", "cert.pem"), "utf8"));
  }

  socket(name: string): string {
    return join(this.folder, "run", `${name}.sock`);
  }

  async socketIsThere(name: string): Promise<void> {
    for (let tries = 0; !existsSync(this.socket(name)); tries++) {
      assert.ok(tries < 200, "the vault makes no socket");
      await sleep(50);
    }
  }

  /** @param ini beside `enabled`, the vault and the domain */
  async startSubmission(
    options: {
      readonly ini?: string;
      readonly plugins?: string;
      readonly config?: Record<string, string>;
    } = {},
  ): Promise<Haraka> {
    const { cert, key } = await this.#authority.issue(["localhost"]);
    const { plain, submission, mx } = this.ports;
    const sink = this.sink.port;
    const sinks = {
      "sink.test": sink,
      "other.sink.test": sink,
      "full.sink.test": sink,
      "someisp.test": sink,
    };
    const nextHops = { "dest.test": mx, "other.test": mx, "refused.test": mx, ...sinks };
    return this.#startHaraka([plain, submission], {
      me: "mail.someisp.test",
      plugins: options.plugins ?? "tls\nxclient\nauth/flat_file\nvsmtp\nroutes\n",
      "auth_flat_file.ini": `[core]\nmethods=PLAIN\nconstrain_sender=false\n[users]\n${users.map((user) => `${user}=${password}\n`).join("")}`,
      "smtp.ini": `nodes=0\nlisten=127.0.0.1:${plain},127.0.0.1:${submission}\n`,
      "tls.ini": `key=key.pem\ncert=cert.pem\nno_starttls_ports[]=${plain}\n`,
      "key.pem": key,
      "cert.pem": cert,
      "far.crt": this.#far.cert,
      "far.key": this.#far.key,
      "outbound.ini": "local_mx_ok=true\nenable_tls=false\n",
      "routes.json": JSON.stringify({ nextHops }),
      "vsmtp.ini": `[sign]\nenabled=true\nvault=unix:${this.socket("haraka")}\nlogin_domain=someisp.test\n${options.ini ?? ""}\n[network]\n${this.#network}`,
      ...options.config,
    });
  }

  /** @param ini of all sections */
  startMx(
    options: {
      readonly ini?: string;
      readonly plugins?: string;
      readonly config?: Record<string, string>;
    } = {},
  ) {
    const { mx } = this.ports;
    return this.#startHaraka([mx], {
      me: "mx.dest.test",
      plugins: options.plugins ?? "rcpt_to.in_host_list\nvsmtp\nqueue/smtp_forward\n",
      host_list: "dest.test\nother.test\nsink.test\n",
      "smtp.ini": `nodes=0\nlisten=127.0.0.1:${mx}\n`,
      "smtp_forward.ini": `host=127.0.0.1\nport=${this.sink.port}\n`,
      "vsmtp.ini": `${options.ini ?? ""}\n[network]\n${this.#network}`,
      ...options.config,
    });
  }

  get #network(): string {
    return `resolver[]=127.0.0.1:${this.#dnsPort}\nkey_port=${this.ports.key}\nallow_private_addresses=true\nca_file=ca.pem\n`;
  }

  async #startHaraka(ports: readonly number[], config: Record<string, string>): Promise<Haraka> {
    const haraka = await startHarakaProgram({
      ports,
      config: {
        "log.ini": "level=info\n",
        "connection.ini": `${harakaConfig("connection.ini")}\n${connection}`,
        "ca.pem": this.#authority.cert,
        ...config,
      },
      plugins,
      packages: { "haraka-plugin-vsmtp": plugin, vsmtp: this.#vsmtp },
    });
    this.#harakas.push(haraka);
    return haraka;
  }

  /** Sends as a user who logs in to the first Haraka. Rejects with its reply, in nodemailer's words. */
  async submit({ user = "allice", ...message }: Message): Promise<string> {
    const client = this.keepClient(user);
    try {
      return await client.send(message);
    } finally {
      client.close();
    }
  }

  /** A client of the first Haraka that keeps its connection. @param user null: nobody logs in */
  keepClient(user: string | null = "allice") {
    const transport = createTransport({
      pool: true,
      maxConnections: 1,
      host: "127.0.0.1",
      port: user === null ? this.ports.plain : this.ports.submission,
      requireTLS: user !== null,
      ignoreTLS: user === null,
      tls: { rejectUnauthorized: false },
      ...(user === null ? {} : { auth: { user, pass: password } }),
    });
    return {
      send: async ({ octets, from, to }: Omit<Message, "user">): Promise<string> =>
        (await transport.sendMail({ envelope: { from, to: [...to] }, raw: Buffer.from(octets) })).response,
      close: () => transport.close(),
    };
  }

  /** Sends to the second Haraka, as any server on the Internet. */
  async send({ octets, from, to }: Omit<Message, "user">): Promise<string> {
    const transport = createTransport({ host: "127.0.0.1", port: this.ports.mx, ignoreTLS: true });
    try {
      const sent = await transport.sendMail({ envelope: { from, to: [...to] }, raw: Buffer.from(octets) });
      return sent.response;
    } finally {
      transport.close();
    }
  }

  async stopHaraka(haraka: Haraka): Promise<void> {
    this.#harakas.splice(this.#harakas.indexOf(haraka), 1);
    await haraka.stop();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#harakas.map((haraka) => haraka.stop()));
    await this.#provider?.stop();
    await this.dns.close();
    await this.sink.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** SHA-256 (hex) of a certificate's public key. */
function spkiOf(pem: string): string {
  const spki = new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("hex");
}
