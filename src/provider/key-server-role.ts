import type { KeyObject } from "node:crypto";
import { getHeapStatistics } from "node:v8";
import type { Config } from "../config/index.ts";
import { type KeyDirectory, KeyServer, type ServerMode } from "../key-server/index.ts";
import { type PublicKeyringStore, PublicKeyView, StatementSigning } from "../keyring/index.ts";
import { DrainWatch } from "./drain-watch.ts";
import { KeyServerControl } from "./key-server-control.ts";
import type { Log } from "./log.ts";
import type { Place, Running } from "./role.ts";
import { secureContextOf } from "./tls-files.ts";

/** What the public interface needs that is not public: no account's key is among it. */
export interface KeyServerSecrets {
  /** Decoys are derived from it (KEY-34); null where there are none. */
  readonly decoys: Uint8Array | null;
  /** The keys of TLS session tickets are. */
  readonly tickets: Uint8Array;
  /** The private half of a domain's `dk`; null where there is none. */
  readonly statementKey: (domain: string) => Promise<KeyObject | null>;
}

export interface KeyServerContext {
  readonly config: Config;
  readonly log: Log;
  /** Null where every asker is sent elsewhere (DIS-3). */
  readonly store: PublicKeyringStore | null;
  readonly secrets: KeyServerSecrets;
  /** Other processes listen at the same places. */
  readonly reusePort: boolean;
}

/** Of a server that sends every asker elsewhere: it is never asked. */
const NOBODY: KeyDirectory = {
  changeCount: () => 0,
  changedSince: () => new Set(),
  domain: async () => null,
  keys: async () => [],
};

/** The public interface of the key server, in this process. */
export async function startKeyServer(context: KeyServerContext): Promise<Running> {
  const { config, log, store, secrets, reusePort } = context;
  const settings = config.keyServer;
  checkMemory(settings.remembered);
  const failed = (what: string) => (err: unknown) => log.error({ role: "key-server", err }, what);
  const answers =
    store === null
      ? ({ directory: NOBODY, exposure: "kid" } as const)
      : {
          directory: new PublicKeyView(store),
          exposure: settings.exposure,
          ...(secrets.decoys === null ? {} : { decoySecret: secrets.decoys }),
          signer: await StatementSigning.open({
            store,
            privateKey: secrets.statementKey,
            onFailure: failed("the domains cannot be read"),
          }),
        };
  const contexts = settings.listeners.map(({ tlsFiles }) => {
    if (tlsFiles === null) throw new Error("the key server answers only inside TLS: [tls] names no files");
    return secureContextOf(tlsFiles, failed("the renewed certificate cannot be used"), {
      ticketSecret: secrets.tickets,
    });
  });
  const { connections, connectionsPerPrefix, requestsPerMinute, exempt } = settings.limits;
  const server = new KeyServer({
    ...answers,
    secureContext: contexts[0] as (typeof contexts)[0],
    hostName: config.hostname,
    remembered: settings.remembered,
    limits: { connections, connectionsPerPrefix, costPerMinute: requestsPerMinute, exempt },
    onEvent: (event) => {
      if (event.kind === "directory-failed") failed("keys cannot be read")(event.cause);
      else if (event.kind === "accept-failed") failed("a connection cannot be accepted")(event.cause);
      else log.debug({ role: "key-server", ...event }, event.kind);
    },
  });
  const watch = await DrainWatch.start({
    server,
    control: new KeyServerControl(config.dataDirectory),
    usualMode: usualMode(settings),
    onChange: (drain) => log.info({ role: "key-server", ...drain }, drain === null ? "resumed" : "draining"),
    onFailure: failed("drain and resume are not obeyed"),
  });
  const stop = async (): Promise<void> => {
    await Promise.all([server.close(), watch.stop()]);
  };
  try {
    const places: Place[] = [];
    for (const [index, listener] of settings.listeners.entries()) {
      const secureContext = contexts[index] as (typeof contexts)[0];
      const where = listener.address ?? "::";
      const { host, port } = await server.listen(listener.port, where, { secureContext, reusePort });
      places.push({ role: "key-server", host, port, tls: "starttls" });
    }
    return { places, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Of a remembered reply, where statements are signed. */
const REPLY_OCTETS = 700;

/** A process whose memory runs out after some hours is worse than one that does not start. */
function checkMemory(remembered: number): void {
  const needed = Math.ceil((remembered * REPLY_OCTETS) / 2 ** 20);
  const limit = Math.floor(getHeapStatistics().heap_size_limit / 2 ** 20);
  if (needed * 1.25 < limit) return;
  throw new Error(
    `remembered = ${remembered} takes about ${needed} MiB, and this process may use ${limit} MiB; ` +
      `remember less, or set NODE_OPTIONS=--max-old-space-size=${Math.ceil(needed * 1.25) + 512}`,
  );
}

function usualMode({ redirect, overflow }: Config["keyServer"]): ServerMode {
  if (redirect !== null) return { kind: "redirect", target: redirect };
  if (overflow === null) return { kind: "serve" };
  return { kind: "serve", overflow: overflow.target, overflowAbove: overflow.above };
}
