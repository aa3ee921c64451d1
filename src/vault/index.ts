// The place with private keys: a vault for this process, and the private interface for enrolled submission servers.
export type { StatementOf } from "./keyring-login.ts";
export { KeyringVault, type KeyringVaultOptions } from "./keyring-vault.ts";
export { type VaultEvent, type VaultLimits, VaultServer, type VaultServerOptions } from "./vault-server.ts";
