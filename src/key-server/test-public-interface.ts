import { createPrivateKey, sign } from "node:crypto";
import { after, before } from "node:test";
import { createSecureContext, type SecureContext } from "node:tls";
import { statementInput } from "../key-protocol/index.ts";
import { type Address, addressText } from "../message/index.ts";
import {
  type DirectoryDomain,
  type DirectoryKey,
  type KeyDirectory,
  KeyServer,
  type KeyServerOptions,
} from "./index.ts";
import { createTestAuthority } from "./test-authority.ts";
import { TestClient } from "./test-client.ts";

// SPEC Appendix A: the account key is RFC 8032 test 1, the statement key test 2.
export const spki = Buffer.from("MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "base64");
export const kid = "FIH_rUKoiX6PoyILK0Uagg";
export const appendixA =
  "v=1; i=allice@someisp.tld; k=FIH_rUKoiX6PoyILK0Uagg; a=ed25519-sha256; st=active; nb=1072915200; na=1104537600; iat=1073304000; ttl=600; p=MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=; s=hu7cekOwsqUk6OkPJVakhxbcMlFfU/hU2MNwM4YLW55X/Ij/EcO3o9NZy/h6zfaRt1uuxA1vAmwKvQvXvyU9DQ==";
const dk = createPrivateKey({
  key: Buffer.from(
    "302e0201003005060" + "32b6570042204204ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "hex",
  ),
  format: "der",
  type: "pkcs8",
});
export const signer = {
  everyDomain: false,
  sign: async (_domain: string, text: string) => sign(null, statementInput(text), dk),
};
export const active: DirectoryKey = {
  owner: "allice@someisp.tld",
  kid,
  algorithm: "ed25519-sha256",
  state: "active",
  spki,
  notBefore: 1072915200,
  notAfter: 1104537600,
  grants: [],
};

export const decoySecret = Buffer.alloc(32, 1);

/** Accounts are named by their addresses. */
export class TestDirectory implements KeyDirectory {
  readonly accounts = new Map<string, readonly DirectoryKey[]>([["allice@someisp.tld", [active]]]);
  readonly changed: string[] = [];
  /** Changes before this one are not known any more. */
  forgotten = 0;
  epoch: number | null = null;
  statementKey: Uint8Array | null = null;
  asked = 0;
  answered: Promise<void> = Promise.resolve();
  broken = false;

  set(address: string, ...keys: DirectoryKey[]): void {
    this.accounts.set(address, keys);
    this.changed.push(address);
  }
  raiseEpoch(epoch: number): void {
    this.epoch = epoch;
    this.changed.push("someisp.tld");
  }
  changeCount(): number {
    return this.changed.length;
  }
  changedSince(count: number): ReadonlySet<string> | null {
    return count < this.forgotten ? null : new Set(this.changed.slice(count));
  }
  async domain(name: string): Promise<DirectoryDomain | null> {
    const { epoch, statementKey } = this;
    return name === "someisp.tld" ? { epoch, statementKey } : null;
  }
  async keys(address: Address): Promise<readonly DirectoryKey[]> {
    this.asked++;
    if (this.broken) throw new Error("the disk is on fire");
    const text = addressText(address);
    const keys = this.accounts.get(text) ?? [];
    await this.answered;
    return keys.map((key) => ({ ...key, owner: text }));
  }
}

let context: SecureContext;
/** What clients trust. */
export let roots: SecureContext;
const servers: KeyServer[] = [];

before(async () => {
  const authority = await createTestAuthority();
  context = await authority.issue(["mx1.someisp.tld", "keyserver.someisp.tld"]);
  roots = createSecureContext({ ca: authority.certificate });
});
after(() => Promise.all(servers.map((server) => server.close(100))));

/** A server of allice@someisp.tld's key, on 2004-01-05; it is closed when the file's tests are done. */
export async function start(
  options: Partial<KeyServerOptions> = {},
): Promise<{ server: KeyServer; port: number; directory: TestDirectory }> {
  const directory = new TestDirectory();
  if (options.signer !== undefined) directory.statementKey = spki;
  const server = new KeyServer({
    directory,
    secureContext: () => context,
    decoySecret,
    nowMs: () => 1073304000_000,
    ...options,
  });
  servers.push(server);
  const { port } = await server.listen(0, "127.0.0.1");
  return { server, port, directory };
}

/** A client that was greeted and is inside TLS. */
export async function secured(port: number, name = "mx1.someisp.tld"): Promise<TestClient> {
  const wire = new TestClient(port);
  await wire.expect(`+OK VSMTP/1${name === "" ? "" : ` ${name}`}\r\n`);
  await wire.startTls(roots);
  return wire;
}
