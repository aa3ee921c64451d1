import type { KeyringStore } from "../keyring/index.ts";
import { type VaultEvent, VaultServer } from "../vault/index.ts";
import type { KeyringAccess } from "./keyring-access.ts";
import type { Place, Running, Shared } from "./role.ts";
import { secureContextOf } from "./tls-files.ts";

/** The private interface: accounts and keys for submission servers that are enrolled (PRV-1, PRV-22). */
export async function startVault(
  { config, log }: Shared,
  store: Pick<KeyringStore, "enrolments">,
  access: KeyringAccess,
): Promise<Running> {
  const role = "vault";
  const server = new VaultServer({
    enrolments: () => store.enrolments(),
    ...access,
    hostName: config.hostname,
    onEvent: ({ kind, ...event }) => {
      const { cause, ...rest } = "cause" in event ? event : { ...event, cause: undefined };
      log[LEVELS[kind]]({ role, ...rest, err: cause }, kind);
    },
  });
  const places: Place[] = [];
  try {
    await server.start();
    for (const { address, port, tlsFiles } of config.vault.listeners) {
      if (tlsFiles === null) throw new Error("the vault answers only inside TLS: [tls] names no files");
      const secureContext = secureContextOf(tlsFiles, (err) =>
        log.error({ role, err }, "the renewed certificate cannot be used"),
      );
      places.push({ role, tls: "implicit", ...(await server.listen(secureContext, port, address ?? "::")) });
    }
    if (config.vault.socketDirectory !== null) await server.listenUnix(config.vault.socketDirectory);
  } catch (error) {
    await server.close();
    throw error;
  }
  return { places, stop: () => server.close() };
}

const LEVELS: Record<VaultEvent["kind"], "debug" | "info" | "warn" | "error"> = {
  connected: "debug",
  refused: "warn",
  "tls-failed": "info",
  "enrolment-ended": "info",
  "accept-failed": "error",
  "socket-failed": "error",
  "store-failed": "error",
  "store-answers": "info",
};
