// A process of the key server: see key-server-processes.ts. It is given what it needs by its parent and reads public
// data itself; the master key never comes here.
import { createPrivateKey, type KeyObject } from "node:crypto";
import { keyringLocation, openPublicKeyringStore } from "../store/index.ts";
import type { FromKeyServer, StartKeyServer, ToKeyServer } from "./key-server-messages.ts";
import { startKeyServer } from "./key-server-role.ts";
import { createLog } from "./log.ts";
import type { Running } from "./role.ts";

const tell = (message: FromKeyServer): void => void process.send?.(message);

/** Questions to the parent, by number. */
const asked = new Map<number, { resolve(key: KeyObject | null): void; reject(error: Error): void }>();
let questions = 0;

function askForStatementKey(domain: string): Promise<KeyObject | null> {
  return new Promise((resolve, reject) => {
    const question = ++questions;
    asked.set(question, { resolve, reject });
    tell({ kind: "statement-key", question, domain });
  });
}

async function start({ config, decoys, tickets }: StartKeyServer): Promise<Running> {
  const log = createLog(config.logLevel, process.stdout);
  const store = await openPublicKeyringStore({ location: await keyringLocation(config.store.keyring) });
  const secrets = { decoys, tickets, statementKey: askForStatementKey };
  try {
    const running = await startKeyServer({ config, log, store, secrets, reusePort: true });
    return {
      places: running.places,
      stop: async () => {
        await running.stop();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

let running: Promise<Running> | null = null;

process.on("message", (message: ToKeyServer) => {
  if (message.kind === "start") {
    running = start(message);
    running.then(
      ({ places }) => tell({ kind: "started", places }),
      (error: NodeJS.ErrnoException & { address?: string; port?: number }) => {
        const { code, path, address, port } = error;
        tell({ kind: "failed", message: error.message, details: { code, path, address, port } });
      },
    );
    return;
  }
  const waiting = asked.get(message.question);
  asked.delete(message.question);
  if (message.pkcs8 === undefined) waiting?.reject(new Error(message.problem));
  else if (message.pkcs8 === null) waiting?.resolve(null);
  else {
    const key = Buffer.from(message.pkcs8);
    waiting?.resolve(createPrivateKey({ key, format: "der", type: "pkcs8" }));
    key.fill(0);
  }
});

// The end of the channel is the order to stop, and what is seen when the parent was killed. Signals to the process
// group are for the parent, which stops things in their order.
process.once("disconnect", () => {
  void (running ?? Promise.resolve(null)).then((started) => started?.stop()).finally(() => process.exit());
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
