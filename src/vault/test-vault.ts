// A vault with accounts, and submission servers that speak to it word by word, as a breached one may.
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, randomBytes, verify } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectSocket, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, createSecureContext, connect as tlsConnect } from "node:tls";
import { generate } from "selfsigned";
import {
  AuditWriter,
  Authenticator,
  auditKeyOf,
  type EnrolmentOptions,
  Keyring,
  type KeyringStore,
  MasterKey,
  PublicKeyView,
  UserKeys,
} from "../keyring/index.ts";
import { decodeAddress } from "../message/index.ts";
import { MessageSigner, signingInput } from "../signature/index.ts";
import { openKeyringStore } from "../store/index.ts";
import { spkiSha256, VAULT_ALPN } from "../vault-protocol/index.ts";
import { type VaultEvent, type VaultLimits, VaultServer } from "./index.ts";

/** A certificate that proves a submission server, and how enrolments name it. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
  readonly spkiSha256: string;
}

export async function newIdentity(): Promise<Identity> {
  const made = await generate([{ name: "commonName", value: "test" }], {
    keyType: "ec",
    algorithm: "sha256",
  });
  const publicKey = createPublicKey(createPrivateKey(made.private));
  return { certificate: made.cert, key: made.private, spkiSha256: spkiSha256(publicKey) };
}

export class TestVault {
  readonly folder: string;
  readonly store: KeyringStore;
  readonly keyring: Keyring;
  readonly server: VaultServer;
  readonly events: VaultEvent[] = [];
  readonly port: number;
  /** Ids by name. */
  readonly accounts = new Map<string, string>();
  readonly #clock: { aheadMs: number };
  readonly #open: Peer[] = [];

  private constructor(
    parts: Pick<TestVault, "folder" | "store" | "keyring" | "server" | "port">,
    clock: { aheadMs: number },
    events: VaultEvent[],
  ) {
    this.folder = parts.folder;
    this.store = parts.store;
    this.keyring = parts.keyring;
    this.server = parts.server;
    this.port = parts.port;
    this.events = events;
    this.#clock = clock;
  }

  static async start(limits: Partial<VaultLimits> = {}): Promise<TestVault> {
    const folder = mkdtempSync(join(tmpdir(), "vsmtp-vault-"));
    const masterKey = MasterKey.generate();
    const location = join(folder, "keyring.db");
    const store = await openKeyringStore({ location, auditKey: auditKeyOf(masterKey) });
    const ahead = { aheadMs: 0 };
    const nowMs = () => Date.now() + ahead.aheadMs;
    const clock = { now: nowMs };
    const recipients = { recipients: 50, periodMs: 3_600_000, newAccountRecipients: 50, newAccountMs: 0 };
    const keyring = await Keyring.open({ store, masterKey, clock, limits: recipients });
    const audit = new AuditWriter(store);
    const events: VaultEvent[] = [];
    const server = new VaultServer({
      enrolments: () => store.enrolments(),
      authenticator: new Authenticator({ store, masterKey, clock, audit, scram: false }),
      keys: new UserKeys({ store, masterKey, clock, audit, limits: recipients }),
      audit,
      limits,
      nowMs,
      onEvent: (event) => events.push(event),
    });
    await server.start();
    const own = await newIdentity();
    const context = createSecureContext({ cert: own.certificate, key: own.key });
    const { port } = await server.listen(() => context, 0, "127.0.0.1");
    const vault = new TestVault({ folder, store, keyring, server, port }, ahead, events);
    for (const domain of ["someisp.test", "other.test"]) assert.ok((await keyring.addDomain(domain)).ok);
    for (const name of ["allice@someisp.test", "boss@someisp.test", "carol@other.test"]) {
      const made = await keyring.addAccount({ address: name, password: "secret" });
      assert.ok(made.ok);
      vault.accounts.set(name, made.account.id);
    }
    return vault;
  }

  get now(): number {
    return Date.now() + this.#clock.aheadMs;
  }

  wait(ms: number): void {
    this.#clock.aheadMs += ms;
  }

  account(name: string): string {
    return this.accounts.get(name) ?? assert.fail(name);
  }

  async enrol(identity: Identity | null, options: Partial<EnrolmentOptions> = {}): Promise<void> {
    const enrolled = await this.keyring.enrol({
      name: `ss-${randomBytes(4).toString("hex")}`,
      proof: { kind: "certificate", spkiSha256: identity?.spkiSha256 ?? "" },
      scope: ["*"],
      modes: ["sign", "getkey"],
      mayAssert: false,
      ...options,
    });
    assert.ok(enrolled.ok, JSON.stringify(enrolled));
  }

  /** A submission server that was enrolled just now, connected and greeted. */
  async peer(options: Partial<EnrolmentOptions> = {}): Promise<Peer> {
    const identity = await newIdentity();
    await this.enrol(identity, options);
    return this.connect(identity);
  }

  async connect(identity: Identity | null, tls: ConnectionOptions = {}): Promise<Peer> {
    const peer = await Peer.connect(
      tlsConnect({
        host: "127.0.0.1",
        port: this.port,
        ...(identity ? { cert: identity.certificate, key: identity.key } : {}),
        rejectUnauthorized: false,
        ALPNProtocols: [VAULT_ALPN],
        ...tls,
      }),
    );
    this.#open.push(peer);
    return peer;
  }

  /** What is in the audit log about an action, newest last: outcome and who. */
  async audited(action: string): Promise<string[]> {
    const records = await this.store.audit({ limit: 100, newest: true });
    return records.filter((one) => one.action === action).map((one) => one.outcome);
  }

  async kidOf(name: string): Promise<string> {
    const key = await this.store.activeKey(this.account(name));
    return key?.kid ?? assert.fail(name);
  }

  /** H of a message, as an honest submission server makes it. */
  headerOf(
    identity: string,
    kid: string,
    options: {
      from?: string;
      lines?: string[];
      recipients?: number;
      signedAt?: number;
      expiresAt?: number;
    } = {},
  ): Buffer {
    const signer = new MessageSigner();
    const lines = [
      `From: ${options.from ?? identity}`,
      "Message-ID: <1@x>",
      ...(options.lines ?? []),
      "",
      "Hi",
    ];
    signer.write(Buffer.from(lines.join("\r\n")));
    const prepared = signer.finish();
    assert.ok(prepared.ok);
    const address = decodeAddress(identity);
    assert.ok(address);
    return prepared.draft({
      identity: address,
      kid,
      algorithm: "ed25519-sha256",
      signedAt: options.signedAt ?? Math.floor(this.now / 1000),
      expiresAt: options.expiresAt,
      recipients: Array.from({ length: options.recipients ?? 1 }, (_, n) => {
        return { localPart: `r${n}`, domain: "dest.test" };
      }),
    }).headerCanonical;
  }

  /** Does this reply to SIGN hold a signature of H that verifies? */
  async signs(reply: string, h: Uint8Array, identity: string): Promise<boolean> {
    const signature = /^\+OK b=(\S+)\r\n$/.exec(reply)?.[1];
    if (signature === undefined) return false;
    const address = decodeAddress(identity);
    assert.ok(address);
    const keys = await new PublicKeyView(this.store).keys(address, Math.floor(this.now / 1000));
    const { spki } = keys.find(({ state }) => state === "active") ?? assert.fail(identity);
    const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
    return verify(null, signingInput(h), key, Buffer.from(signature, "base64"));
  }

  async stop(): Promise<void> {
    for (const peer of this.#open) peer.close();
    await this.server.close(0);
    await this.store.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** A connection to a vault, without anything that would keep to the protocol. */
export class Peer {
  readonly socket: Socket;
  /** All that ever came. */
  received = "";
  #taken = 0;
  #waiting: (() => void) | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (data) => {
      this.received += data.toString("latin1");
      this.#waiting?.();
    });
    socket.on("error", () => {});
    socket.on("close", () => this.#waiting?.());
  }

  static async connect(socket: Socket): Promise<Peer> {
    const peer = new Peer(socket);
    assert.match(await peer.line(), /^(?:\+OK VSMTP-VAULT\/1\r\n|)$/);
    return peer;
  }

  static async connectUnix(path: string): Promise<Peer> {
    return Peer.connect(connectSocket(path));
  }

  get closed(): boolean {
    return this.socket.destroyed;
  }

  /** The next line with its CRLF; empty when the connection has ended. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.received.indexOf("\n", this.#taken) + 1;
      if (end > 0) {
        const line = this.received.slice(this.#taken, end);
        this.#taken = end;
        return line;
      }
      if (this.socket.destroyed) return "";
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }

  async say(line: string, octets: Uint8Array = Buffer.alloc(0)): Promise<string> {
    this.socket.write(Buffer.concat([Buffer.from(`${line}\r\n`, "latin1"), octets]));
    return this.line();
  }

  /** A reply with the lines behind it. */
  async block(line: string): Promise<string[]> {
    const lines = [await this.say(line)];
    while (lines[0]?.startsWith("+OK") && lines.at(-1) !== ".\r\n") lines.push(await this.line());
    return lines.map((one) => one.trimEnd());
  }

  /** A ticket for a login by password. */
  async logIn(name: string, password = "secret"): Promise<string> {
    const reply = await this.say(
      `AUTH PLAIN ${Buffer.from(`\0${name}\0${password}`).toString("base64")} ip=192.0.2.7`,
    );
    return /^\+OK tk=(\S{22}); i=\S+; ac=[0-9a-f]{24}\r\n$/.exec(reply)?.[1] ?? assert.fail(reply);
  }

  sign(ticket: string, identity: string, kid: string, h: Uint8Array, recipients = 1): Promise<string> {
    return this.say(`SIGN ${ticket} ${identity} ${kid} ${recipients} ${h.length}`, h);
  }

  async ended(): Promise<void> {
    for (let tries = 0; !this.socket.destroyed; tries++) {
      assert.ok(tries < 1000, "the connection has not ended in time");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  close(): void {
    this.socket.destroy();
  }
}
