// A key server in a process of its own on a real store, for tests of what its timing tells. `fork` it with
// TimingServerOptions as JSON; it tells its port.
import { createPrivateKey } from "node:crypto";
import { createSecureContext } from "node:tls";
import { type KeyDirectory, KeyServer } from "../../src/key-server/index.ts";
import { PublicKeyView, StatementSigning } from "../../src/keyring/index.ts";
import { openPublicKeyringStore } from "../../src/store/index.ts";

export interface TimingServerOptions {
  readonly storeFile: string;
  readonly certificate: { readonly cert: string; readonly key: string };
  readonly decoySecret: string;
  /** PKCS#8 PEM of the domain's statement key. */
  readonly statementKey: string;
  /** Null: as the key server does it by itself. */
  readonly veilMs: number | null;
  /** A leak: how much longer it takes for an address that has an account. */
  readonly plantedMicroseconds: number;
}

const options: TimingServerOptions = JSON.parse(process.argv[2] ?? "");
const store = await openPublicKeyringStore({ location: options.storeFile });
const view = new PublicKeyView(store);
const directory: KeyDirectory = {
  changeCount: () => view.changeCount(),
  changedSince: (count) => view.changedSince(count),
  domain: (name) => view.domain(name),
  keys: async (address, now) => {
    const keys = await view.keys(address, now);
    const end = performance.now() + options.plantedMicroseconds / 1000;
    while (keys.length > 0 && performance.now() < end);
    return keys;
  },
};
const statementKey = createPrivateKey(options.statementKey);
const context = createSecureContext(options.certificate);
const server = new KeyServer({
  directory,
  secureContext: () => context,
  decoySecret: Buffer.from(options.decoySecret, "hex"),
  signer: await StatementSigning.open({ store, privateKey: async () => statementKey }),
  ...(options.veilMs === null ? {} : { veilMs: options.veilMs }),
  limits: { exempt: ["127.0.0.0/8"] },
});
const { port } = await server.listen(0, "127.0.0.1");
process.send?.(port);
process.on("disconnect", () => process.exit());
