// One submission server in each of its three set-ups: keys in this process, a vault that signs, a vault that lends keys.
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { type CryptoKey, generateKeyPair, SignJWT } from "jose";
import { generate } from "selfsigned";
import {
  AuditWriter,
  Authenticator,
  auditKeyOf,
  Keyring,
  type KeyringStore,
  MasterKey,
  type PasswordCheckerOptions,
  TokenVerifier,
  UserKeys,
} from "../keyring/index.ts";
import { RemoteVault, type Vault } from "../signing/index.ts";
import { openKeyringStore } from "../store/index.ts";
import { KeyringVault, VaultServer } from "../vault/index.ts";
import { openVault, spkiSha256, VaultClient } from "../vault-protocol/index.ts";

export type ModeName = "keyring in the process" | "remote, SIGN" | "remote, GETKEY";
export const modes: readonly ModeName[] = ["keyring in the process", "remote, SIGN", "remote, GETKEY"];

export interface ModeOptions {
  readonly clock: { now(): number };
  /** Recipients an account may write to in an hour. */
  readonly limit: number;
  /** How long a remote vault may take for a reply. */
  readonly replyMs: number;
  /** Whether it may be asked to sign without a login (PRV-9). */
  readonly mayAssert?: boolean;
}

const PASSWORDS: PasswordCheckerOptions = { rememberMs: 0 };
const ISSUER = { issuer: "https://login.test", audience: "mail.someisp.test" };

/** Accounts in a store of their own, and the vault that a submission server is given. */
export class Mode {
  readonly name: ModeName;
  readonly keyringPath: string;
  readonly keyring: Keyring;
  readonly store: KeyringStore;
  readonly masterKey: MasterKey;
  /** What the submission server talks to. */
  readonly vault: Vault;
  readonly #access: { authenticator: Authenticator; keys: UserKeys; audit: AuditWriter };
  readonly #tls: { certificate: string; key: string };
  readonly #folder: string;
  readonly #now: () => number;
  #issuerKey: CryptoKey | null = null;
  #server: VaultServer | null = null;
  #port = 0;

  private constructor(
    name: ModeName,
    folder: string,
    parts: Pick<Mode, "keyringPath" | "keyring" | "store" | "masterKey">,
    access: { authenticator: Authenticator; keys: UserKeys; audit: AuditWriter },
    tls: { certificate: string; key: string },
    { clock, replyMs }: ModeOptions,
  ) {
    this.name = name;
    this.keyringPath = parts.keyringPath;
    this.keyring = parts.keyring;
    this.store = parts.store;
    this.masterKey = parts.masterKey;
    this.#folder = folder;
    this.#access = access;
    this.#tls = tls;
    this.#now = () => clock.now();
    this.vault =
      name === "keyring in the process"
        ? new KeyringVault(access)
        : new RemoteVault({
            client: new VaultClient({
              backoffMs: [10, 20],
              open: () =>
                openVault(
                  {
                    kind: "tcp",
                    host: "127.0.0.1",
                    port: this.#port,
                    secureContext: () => createSecureContext({ cert: tls.certificate, key: tls.key }),
                    spkiSha256: pinOf(tls.key),
                  },
                  { replyMs, stepMs: replyMs },
                ),
            }),
            mode: name === "remote, SIGN" ? "sign" : "getkey",
            clock,
          });
  }

  static async start(name: ModeName, options: ModeOptions): Promise<Mode> {
    const folder = mkdtempSync(join(tmpdir(), "vsmtp-modes-"));
    const keyringPath = join(folder, "keyring.db");
    const masterKey = MasterKey.generate();
    const store = await openKeyringStore({
      location: keyringPath,
      auditKey: auditKeyOf(masterKey),
      sqlite: { busyTimeoutMs: 10 },
    });
    const { clock, limit } = options;
    const limits = { recipients: limit, periodMs: 3_600_000, newAccountRecipients: limit, newAccountMs: 0 };
    const keyring = await Keyring.open({ store, masterKey, clock, limits, scram: true });
    const audit = new AuditWriter(store);
    const issuer = await generateKeyPair("EdDSA");
    const authenticator = new Authenticator({
      store,
      masterKey,
      clock,
      audit,
      scram: true,
      passwords: PASSWORDS,
      tokens: new TokenVerifier({
        ...ISSUER,
        claim: "email",
        scope: null,
        clock,
        keys: async () => issuer.publicKey,
      }),
    });
    const keys = new UserKeys({ store, masterKey, clock, audit, limits });
    const tls = await certificate();
    const parts = { keyringPath, keyring, store, masterKey };
    const mode = new Mode(name, folder, parts, { authenticator, keys, audit }, tls, options);
    mode.#issuerKey = issuer.privateKey;
    if (name === "keyring in the process") return mode;
    const enrolled = await keyring.enrol({
      name: "mx1",
      proof: { kind: "certificate", spkiSha256: pinOf(tls.key) },
      scope: ["*"],
      modes: [name === "remote, SIGN" ? "sign" : "getkey"],
      mayAssert: options.mayAssert ?? false,
    });
    assert.ok(enrolled.ok);
    await mode.startVault();
    return mode;
  }

  /** An access token for somebody, as the issuer that is trusted makes it. */
  token(email: string): Promise<string> {
    assert.ok(this.#issuerKey);
    return new SignJWT({ email })
      .setProtectedHeader({ alg: "EdDSA" })
      .setIssuer(ISSUER.issuer)
      .setAudience(ISSUER.audience)
      .setExpirationTime(Math.floor(this.#now() / 1000) + 600)
      .sign(this.#issuerKey);
  }

  /** Again, at the port where it was. */
  async startVault(): Promise<void> {
    const server = new VaultServer({
      ...this.#access,
      enrolments: () => this.store.enrolments(),
      nowMs: this.#now,
      onEvent: (event) => assert.ok(event.kind !== "store-failed" || event.cause instanceof Error),
    });
    this.#server = server;
    await server.start();
    const context = createSecureContext({ cert: this.#tls.certificate, key: this.#tls.key });
    this.#port = (await server.listen(() => context, this.#port, "127.0.0.1")).port;
  }

  async stopVault(): Promise<void> {
    await this.#server?.close(0);
    this.#server = null;
  }

  async stop(): Promise<void> {
    await this.vault.close();
    await this.stopVault();
    await this.store.close();
    rmSync(this.#folder, { recursive: true });
  }
}

async function certificate(): Promise<{ certificate: string; key: string }> {
  const made = await generate([{ name: "commonName", value: "mx1" }], { keyType: "ec", algorithm: "sha256" });
  return { certificate: made.cert, key: made.private };
}

function pinOf(privateKeyPem: string): string {
  return spkiSha256(createPublicKey(createPrivateKey(privateKeyPem)));
}
