import { KeyServer } from "../key-server/index.ts";
import type { PublicKeyringStore } from "../keyring/index.ts";
import { PublicKeyView, StatementSigning } from "../keyring/index.ts";
import type { OpenedKeyring, Place, Running, Shared } from "./role.ts";
import { secureContextOf } from "./tls-files.ts";

/** The public interface of the key server. It reads public data; the keyring only signs statements. */
export async function startKeyServer(
  { config, log }: Shared,
  store: PublicKeyringStore,
  opened: OpenedKeyring | null,
): Promise<Running> {
  const view = new PublicKeyView(store);
  const failed = (cause: unknown): void =>
    log.error({ role: "key-server", err: cause }, "keys cannot be read");
  const signer = opened && (await StatementSigning.open({ ...opened, onFailure: failed }));
  const { redirect } = config.keyServer;
  const servers: KeyServer[] = [];
  const places: Place[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.close()));
  };
  try {
    for (const listener of config.keyServer.listeners) {
      if (listener.tlsFiles === null)
        throw new Error("the key server answers only inside TLS: [tls] names no files");
      const secureContext = secureContextOf(listener.tlsFiles, (err) =>
        log.error({ role: "key-server", err }, "the renewed certificate cannot be used"),
      );
      const server = new KeyServer({
        directory: view,
        remembered: config.keyServer.remembered,
        secureContext,
        hostName: config.hostname,
        exposure: config.keyServer.exposure,
        ...(redirect ? { mode: { kind: "redirect", target: redirect } } : {}),
        ...(opened ? { decoySecret: opened.masterKey.derive("decoys") } : {}),
        ...(signer ? { signer } : {}),
        onEvent: (event) => log.debug({ role: "key-server", ...event }, event.kind),
      });
      const { host, port } = await server.listen(listener.port, listener.address ?? "::");
      servers.push(server);
      places.push({ role: "key-server", host, port, tls: "starttls" });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { places, stop };
}
