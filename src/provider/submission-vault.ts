import { readFileSync } from "node:fs";
import type { RemoteVaultSettings } from "../config/index.ts";
import { RemoteVault, type Vault } from "../signing/index.ts";
import { openVault, VaultClient, type VaultPlace } from "../vault-protocol/index.ts";
import type { Log } from "./log.ts";
import { secureContextOf } from "./tls-files.ts";

/**
 * The way to a vault elsewhere. It need not be there yet: until it is, users are told to try again.
 *
 * @throws Error when a certificate or key cannot be read
 */
export async function openRemoteVault({ place, mode }: RemoteVaultSettings, log: Log): Promise<Vault> {
  const where = place.kind === "unix" ? place : tlsPlace(place, log);
  let reachable = true;
  const client = new VaultClient({
    open: async () => {
      try {
        const opened = await openVault(where);
        if (!reachable) log.info("the vault answers again");
        reachable = true;
        return opened;
      } catch (err) {
        if (reachable) log.error({ err }, "the vault does not answer");
        reachable = false;
        throw err;
      }
    },
  });
  await client.warmUp();
  return new RemoteVault({ client, mode });
}

function tlsPlace(place: RemoteVaultSettings["place"] & { kind: "tcp" }, log: Log): VaultPlace {
  const { target, tlsFiles, caFile, serverSpki } = place;
  const onFailure = (err: unknown): void =>
    log.error({ err }, "the renewed certificate for the vault cannot be used");
  const authorities = caFile === null ? null : readFileSync(caFile);
  return {
    kind: "tcp",
    host: target.host,
    port: target.port,
    secureContext: secureContextOf(tlsFiles, onFailure, { authorities }),
    spkiSha256: serverSpki,
  };
}
