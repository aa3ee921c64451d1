import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from "node:crypto";
import { connect, createServer, type Server, type Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { generate } from "selfsigned";
import { DnsServer, StubResolver, type TlsaRecord } from "../dns/index.ts";
import { ALPN, type Dialer, type KeyTarget } from "../key-protocol/index.ts";
import {
  type DirectoryDomain,
  type DirectoryKey,
  type KeyDirectory,
  KeyServer,
  type KeyServerOptions,
  type ServerMode,
} from "../key-server/index.ts";
import { type Address, addressText } from "../message/index.ts";
import { keyId } from "../signature/index.ts";
import { KeyLookup } from "./key-lookup.ts";
import type { KeyLookupOptions } from "./key-lookup-options.ts";
import type { LookupQuestion } from "./lookup-report.ts";

/** 2004-01-05 12:00:00 UTC, when Appendix A was signed. */
export const NOW = 1_073_304_000;
export const allice: Address = { localPart: "allice", domain: "someisp.tld" };

// SPEC Appendix A: the account key is RFC 8032 test 1, the statement key test 2.
export const spki = Buffer.from("MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "base64");
export const kid = keyId(spki);
export const dkBase64 = "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";
export const dkPrivate: KeyObject = createPrivateKey({
  key: Buffer.from(
    "302e020100300506032b6570042204204ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "hex",
  ),
  format: "der",
  type: "pkcs8",
});
export const activeKey: DirectoryKey = {
  owner: "allice",
  kid,
  algorithm: "ed25519-sha256",
  state: "active",
  spki,
  notBefore: NOW - 86_400,
  notAfter: NOW + 30 * 86_400,
  grants: [],
};

export function otherKey(): DirectoryKey {
  const { publicKey } = generateKeyPairSync("ed25519");
  const der = publicKey.export({ format: "der", type: "spki" });
  return { ...activeKey, kid: keyId(der), spki: der };
}

/** About the signature of Appendix A. */
export const question: LookupQuestion = {
  identity: allice,
  kid,
  algorithm: "ed25519-sha256",
  signedAt: NOW,
  now: NOW,
};

/** The answer in short: `key host`, `no-key`, `temperror`. */
export async function ask(lookup: KeyLookup, over: Partial<LookupQuestion> = {}): Promise<string> {
  const { answer } = await lookup.explain({ ...question, ...over });
  if (answer.kind === "key") return `key ${answer.trust}`;
  return answer.kind === "fail" ? answer.reason : answer.kind;
}

export class TestDirectory implements KeyDirectory {
  readonly domains = new Set(["someisp.tld"]);
  readonly accounts = new Map<string, readonly DirectoryKey[]>([["allice@someisp.tld", [activeKey]]]);
  readonly changed: string[] = [];
  asked = 0;
  isBroken = false;
  isSigned = false;

  set(address: string, ...keys: DirectoryKey[]): void {
    this.accounts.set(address, keys);
    this.changed.push(activeKey.owner);
  }
  changeCount(): number {
    return this.changed.length;
  }
  changedSince(count: number): ReadonlySet<string> {
    return new Set(this.changed.slice(count));
  }
  async domain(name: string): Promise<DirectoryDomain | null> {
    return this.domains.has(name) ? { epoch: null, statementKey: this.isSigned ? spki : null } : null;
  }
  async keys(address: Address): Promise<readonly DirectoryKey[]> {
    this.asked++;
    if (this.isBroken) throw new Error("the disk is on fire");
    return this.accounts.get(addressText(address)) ?? [];
  }
}

/**
 * A network in one process: names in a real DNS server, public addresses that a dialer maps to
 * loopback ports, servers with certificates of a private CA.
 */
export class TestNetwork {
  readonly dns = new DnsServer({ ttlSeconds: 0, onQuestion: () => this.questions++ });
  questions = 0;
  nowMs = NOW * 1000;
  /** `address:port` that was dialled, in order. */
  readonly dialled: string[] = [];
  readonly #places = new Map<string, number>();
  readonly #hooks = new Map<string, () => Promise<void>>();
  readonly #certificates = new Map<string, Promise<{ context: SecureContext; der: Uint8Array }>>();
  readonly #closers: (() => unknown)[] = [];
  #root: { private: string; cert: string } = { private: "", cert: "" };
  #trust: SecureContext = createSecureContext();
  #resolver: StubResolver | null = null;

  async start(): Promise<void> {
    this.#root = await generate([{ name: "commonName", value: "Test CA" }], {
      keyType: "ec",
      algorithm: "sha256",
      extensions: [
        { name: "basicConstraints", cA: true, critical: true },
        { name: "keyUsage", keyCertSign: true, critical: true },
      ],
    });
    this.#trust = createSecureContext({ ca: this.#root.cert });
    this.#resolver = new StubResolver({
      servers: [await this.dns.listen()],
      attemptTimeoutMs: 1000,
      timeoutMs: 2000,
    });
    this.#closers.push(() => this.dns.close());
  }

  get resolver(): StubResolver {
    if (this.#resolver === null) throw new Error("not started");
    return this.#resolver;
  }

  /** The private CA, PEM. */
  get ca(): string {
    return this.#root.cert;
  }

  async close(): Promise<void> {
    for (const close of this.#closers) await close();
  }

  /** Publishes MX hosts mx1, mx2, … of someisp.tld at 8.8.4.1, 8.8.4.2, …, and its policy record. */
  publish(mx: number, policy?: string): void {
    const hosts = Array.from({ length: mx }, (_, index) => index + 1);
    this.dns.set("someisp.tld", { MX: hosts.map((n) => [n * 10, `mx${n}.someisp.tld`]) });
    for (const n of hosts) this.dns.set(`mx${n}.someisp.tld`, { A: [`8.8.4.${n}`] });
    if (policy === undefined) this.dns.delete("_vsmtp.someisp.tld");
    else this.dns.set("_vsmtp.someisp.tld", { TXT: [`v=VSMTP1; ${policy}`] });
  }

  /** A certificate for these names; `selfSigned` by nobody that is trusted. */
  async certificate(names: readonly string[], selfSigned = false): Promise<SecureContext> {
    return (await this.#made(names, selfSigned)).context;
  }

  /** A TLSA record that names this very certificate (DANE-EE), by its digest. */
  async tlsaOf(names: readonly string[], selfSigned = false): Promise<TlsaRecord> {
    const { der } = await this.#made(names, selfSigned);
    return { usage: 3, selector: 0, matchingType: 1, data: createHash("sha256").update(der).digest() };
  }

  #made(names: readonly string[], selfSigned: boolean): Promise<{ context: SecureContext; der: Uint8Array }> {
    const key = `${names.join(" ")}${selfSigned}`;
    let made = this.#certificates.get(key);
    if (made === undefined) {
      made = generate([{ name: "commonName", value: names[0] ?? "" }], {
        keyType: "ec",
        algorithm: "sha256",
        notBeforeDate: new Date(Date.now() - 86_400_000),
        ...(selfSigned ? {} : { ca: { key: this.#root.private, cert: this.#root.cert } }),
        extensions: [{ name: "subjectAltName", altNames: names.map((value) => ({ type: 2, value })) }],
      }).then((leaf) => ({
        context: createSecureContext({ key: leaf.private, cert: leaf.cert }),
        der: new X509Certificate(leaf.cert).raw,
      }));
      this.#certificates.set(key, made);
    }
    return made;
  }

  /** A key server at an address and port, with a certificate for these names. */
  async keyServer(
    at: string,
    names: readonly string[],
    options: Partial<KeyServerOptions> & { selfSigned?: boolean } = {},
  ): Promise<{ server: KeyServer; directory: TestDirectory }> {
    const directory = new TestDirectory();
    directory.isSigned = options.signer !== undefined;
    const context = await this.certificate(names, options.selfSigned);
    const server = new KeyServer({
      directory,
      secureContext: () => context,
      exposure: "open",
      nowMs: () => this.nowMs,
      ...options,
    });
    const { port } = await server.listen(0, "127.0.0.1");
    this.#places.set(at, port);
    this.#closers.push(() => server.close(0));
    return { server, directory };
  }

  /** A key server that answers KEY with whatever this gives: statement lines, or one that begins with "-". */
  async scriptedKeyServer(
    at: string,
    names: readonly string[],
    answer: () => readonly string[],
  ): Promise<Server> {
    const secureContext = await this.certificate(names);
    return this.listen(at, (socket) => {
      socket.write("+OK VSMTP/1\r\n");
      socket.once("data", () => {
        socket.write("+OK begin\r\n");
        const secure = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: [ALPN] });
        secure
          .on("error", () => {})
          .on("data", (requests: Buffer) => {
            for (const _ of requests.toString("latin1").matchAll(/\r\n/g)) {
              const lines = answer();
              const text = lines[0]?.startsWith("-") ? lines : [`+OK ${lines.length}`, ...lines, "."];
              secure.write(text.map((line) => `${line}\r\n`).join(""));
            }
          });
      });
    });
  }

  /** Something else at an address and port. */
  async listen(at: string, serve: (socket: Socket) => void): Promise<Server> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on("error", () => {}));
      serve(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.#places.set(at, (server.address() as { port: number }).port);
    this.#closers.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return server;
  }

  /** Forgets names, places and time; certificates stay. */
  reset(): void {
    this.dns.clear();
    this.dns.authenticate([]);
    this.#places.clear();
    this.#hooks.clear();
    this.dialled.length = 0;
    this.nowMs = NOW * 1000;
  }

  /** Changes what a server does once a client of this place has been greeted. */
  onceGreeted(at: string, server: KeyServer, mode: ServerMode): void {
    this.#hooks.set(at, async () => {
      while (server.connections === 0) await new Promise((resolve) => setImmediate(resolve));
      server.setMode(mode);
    });
  }

  /** Makes an address and port refuse connections. */
  remove(at: string): void {
    this.#places.delete(at);
  }

  readonly dialer: Dialer = {
    connect: (target: KeyTarget, signal) =>
      new Promise((resolve, reject) => {
        const at = `${target.address}:${target.port}`;
        this.dialled.push(at);
        const port = this.#places.get(at);
        if (port === undefined) return reject(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }));
        if (port === 0) return signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        const socket = connect(port, "127.0.0.1", async () => {
          await this.#hooks.get(at)?.();
          resolve(socket);
        }).once("error", reject);
      }),
  };

  /** Makes an address and port swallow connection attempts. */
  blackhole(at: string): void {
    this.#places.set(at, 0);
  }

  lookup(options: Partial<KeyLookupOptions> = {}): KeyLookup {
    const lookup = new KeyLookup({
      resolver: this.resolver,
      dialer: this.dialer,
      secureContext: this.#trust,
      nowMs: () => this.nowMs,
      random: () => 0.5,
      ...options,
    });
    this.#closers.unshift(() => lookup.close());
    return lookup;
  }
}
