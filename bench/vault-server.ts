// The private interface of private-interface.ts in a process of its own, over TLS and at a Unix socket.
import { createPrivateKey, createPublicKey } from "node:crypto";
import { userInfo } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { generate } from "selfsigned";
import { VaultServer } from "../src/vault/index.ts";
import { spkiSha256 } from "../src/vault-protocol/index.ts";
import { announce } from "./server-process.ts";
import { openVaultPlace } from "./vault-place.ts";

export interface VaultServerReady {
  readonly port: number;
  readonly socketPath: string;
  /** PEM, of the client. */
  readonly certificate: string;
  readonly privateKey: string;
  /** Of the server. */
  readonly spkiSha256: string;
  readonly addresses: readonly string[];
}

const place = await openVaultPlace();
const { keyring, store, authenticator, keys, audit, addresses, folder } = place;
const [client, own] = [await certificate("ss"), await certificate("vault")];
const rights = { scope: ["*"], modes: ["sign", "getkey"], mayAssert: true } as const;
await keyring.enrol({
  ...rights,
  name: "tls",
  proof: { kind: "certificate", spkiSha256: client.spkiSha256 },
});
const unixUser = { kind: "unix-socket", user: userInfo().username, group: null } as const;
await keyring.enrol({ ...rights, name: "unix", proof: unixUser });

const server = new VaultServer({ enrolments: () => store.enrolments(), authenticator, keys, audit });
await server.start();
const secureContext = createSecureContext({ cert: own.certificate, key: own.privateKey });
const { port } = await server.listen(() => secureContext, 0, "127.0.0.1");
await server.listenUnix(join(folder, "vault"));
const ready: VaultServerReady = {
  ...client,
  port,
  socketPath: join(folder, "vault", "unix.sock"),
  spkiSha256: own.spkiSha256,
  addresses,
};
announce(ready, async () => {
  await server.close(0);
  await place.close();
});

async function certificate(
  name: string,
): Promise<{ certificate: string; privateKey: string; spkiSha256: string }> {
  const made = await generate([{ name: "commonName", value: name }], { keyType: "ec", algorithm: "sha256" });
  const publicKey = createPublicKey(createPrivateKey(made.private));
  return { certificate: made.cert, privateKey: made.private, spkiSha256: spkiSha256(publicKey) };
}
