// What a vault does in a second for its submission servers, each use logged and counted durably before it is answered:
// in the same process, over TLS and at a Unix socket; beside what no vault can do without, the signature itself and a
// commit of the database.
import { generateKeyPairSync, sign } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createSecureContext } from "node:tls";
import type { Address } from "../src/message/index.ts";
import { RemoteVault } from "../src/signing/index.ts";
import { KeyringVault } from "../src/vault/index.ts";
import { openVault, type VaultPlace as Place, VaultClient } from "../src/vault-protocol/index.ts";
import { type Contestant, calling, figure, printTable, race, readEffort } from "./harness.ts";
import { type Load, type MeasuredServer, ServerProcess, underLoad } from "./server-process.ts";
import { openVaultPlace, type Writer, writers } from "./vault-place.ts";
import type { VaultServerReady } from "./vault-server.ts";

/** So many who each wait for one answer before they ask again. */
class Waiting implements Load {
  done = 0;
  readonly #all: Promise<unknown>;
  #running = true;

  constructor(many: number, ask: (n: number) => Promise<unknown>) {
    this.#all = Promise.all(
      Array.from({ length: many }, async (_, n) => {
        for (; this.#running; this.done++) await ask(n);
      }),
    );
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#all;
  }
}

const effort = readEffort({ seconds: 1, runs: 5 });
const server = await ServerProcess.start<VaultServerReady>("vault-server.ts");
const here = await openVaultPlace();
const clients: VaultClient[] = [];
try {
  const { certificate, privateKey, port, socketPath, spkiSha256, addresses } = server.ready;
  const secureContext = createSecureContext({ cert: certificate, key: privateKey });
  const tls = client({
    kind: "tcp",
    host: "127.0.0.1",
    port,
    secureContext: () => secureContext,
    spkiSha256,
  });
  const unix = client({ kind: "unix", path: socketPath });
  const ownWriters = await writers(new KeyringVault(here), addresses);
  const tlsWriters = await writers(new RemoteVault({ client: tls, mode: "sign" }), addresses);
  const unixWriters = await writers(new RemoteVault({ client: unix, mode: "sign" }), addresses);
  const tickets = await Promise.all(ownWriters.map(({ address }) => ticketOf(tls, address)));

  const own: MeasuredServer = {
    cpuSeconds: async () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
    stop: async () => {},
  };
  const rows: string[][] = [];
  const bare = await race({ signature: bareSignatures(), commit: bareCommits(here.folder) }, effort);
  for (const [name, title] of [
    ["signature", "one Ed25519 signature"],
    ["commit", "one commit of SQLite"],
  ] as const) {
    rows.push([
      title,
      figure(bare.perSecond(name)),
      figure(1e6 / bare.perSecond(name)),
      figure(1e6 / bare.perCpuSecond(name)),
    ]);
  }
  for (const many of [1, 16, 50]) {
    const asking = (
      from: MeasuredServer,
      ask: (n: number) => Promise<{ readonly kind: string }>,
      wanted: string,
    ): Contestant =>
      underLoad(
        from,
        () =>
          new Waiting(many, async (n) => {
            const { kind } = await ask(n);
            if (kind !== wanted) throw new Error(`a vault answered ${kind}`);
          }),
      );
    const signing = (all: readonly Writer[]) => (n: number) => {
      const { login, order } = all[n] as Writer;
      return login.sign(order);
    };
    const ticket = (n: number) => tickets[n] as { readonly ticket: string; readonly address: Address };
    const contestants = {
      "SIGN in this process": asking(own, signing(ownWriters), "signed"),
      "SIGN at a Unix socket": asking(server, signing(unixWriters), "signed"),
      "SIGN over TLS": asking(server, signing(tlsWriters), "signed"),
      "GETKEY over TLS": asking(server, (n) => tls.request({ verb: "GETKEY", ...ticket(n) }), "keys"),
      "ID over TLS": asking(server, (n) => tls.request({ verb: "ID", ...ticket(n) }), "identified"),
    };
    const result = await race(contestants, effort);
    for (const name of Object.keys(contestants) as (keyof typeof contestants)[]) {
      const perSecond = result.perSecond(name);
      rows.push([
        `${name}, ${many} at a time`,
        figure(perSecond),
        figure((1e6 * many) / perSecond),
        figure(1e6 / result.perCpuSecond(name)),
        result.busy(name),
      ]);
    }
  }
  const heading = ["one recipient each", "a second", "µs each", "CPU µs", "busy"];
  printTable("A vault, each use logged and counted on disk before it is answered", heading, rows);
} finally {
  for (const one of clients) one.close();
  await server.stop();
  await here.close();
}

function client(place: Place): VaultClient {
  const made = new VaultClient({ open: () => openVault(place) });
  clients.push(made);
  return made;
}

async function ticketOf(
  vault: VaultClient,
  address: Address,
): Promise<{ readonly ticket: string; readonly address: Address }> {
  const answer = await vault.request({ verb: "ASSERT", address, client: null });
  if (answer.kind !== "ticket") throw new Error(`ASSERT was answered ${answer.kind}`);
  return { ticket: answer.ticket, address };
}

function bareSignatures(): Contestant {
  const { privateKey } = generateKeyPairSync("ed25519");
  const input = Buffer.alloc(1024);
  return calling(() => sign(null, input, privateKey));
}

function bareCommits(folder: string): Contestant {
  const database = new DatabaseSync(join(folder, "bare.db"));
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE line (text TEXT)");
  const insert = database.prepare("INSERT INTO line VALUES (?)");
  return calling(() => insert.run("x".repeat(200)));
}
