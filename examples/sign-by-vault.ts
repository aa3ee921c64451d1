import { createTransport } from "nodemailer";
import { openVault, RemoteVault, VaultClient } from "vsmtp";
import { signing } from "vsmtp/nodemailer";

/** Signs as whoever a message is From, by a vault that this host is enrolled at; it holds no key. */
export function vaultTransporter(vaultSocket: string, server: string) {
  const client = new VaultClient({ open: () => openVault({ kind: "unix", path: vaultSocket }) });
  const vault = new RemoteVault({ client, mode: "sign" });
  const transporter = createTransport(server);
  const context = { client: "", channelBinding: null }; // no user's network address stands behind it
  transporter.use("stream", signing({ login: (author) => vault.assert(author, context) }));
  return { transporter, close: () => vault.close() };
}
