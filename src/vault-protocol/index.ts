// The private interface of a vault (SPEC section 6): grammar and sessions of both sides.
export {
  type AuthRequest,
  type ErrorCode,
  MAX_H_OCTETS,
  MAX_LINE_OCTETS,
  MAX_PIPELINED,
  parseRequest,
  type SignRequest,
  VAULT_ALPN,
  VAULT_PORT,
  type VaultRequest,
} from "./grammar.ts";
export {
  type OpenedVault,
  type OpenVaultOptions,
  openVault,
  spkiSha256,
  type VaultPlace,
  VaultUnreachable,
} from "./open-vault.ts";
export {
  type Capabilities,
  type ErrorReply,
  errorReply,
  type LentKey,
  limitReply,
  type NamedKey,
  parseLimitText,
  type VaultReply,
} from "./reply.ts";
export {
  type PlainRequest,
  type ServerExchange,
  type SessionPort,
  type VaultResponder,
  VaultServerSession,
} from "./server-session.ts";
export { type ClientExchange, VaultClient, type VaultClientOptions } from "./vault-client.ts";
export { type VaultAnswer, VaultConnection, type VaultConnectionOptions } from "./vault-connection.ts";
