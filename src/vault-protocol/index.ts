// The private interface of a vault (SPEC section 6): grammar and sessions of both sides.
export {
  type AuthRequest,
  type ErrorCode,
  MAX_H_OCTETS,
  MAX_LINE_OCTETS,
  parseRequest,
  type SignRequest,
  VAULT_ALPN,
  type VaultRequest,
} from "./grammar.ts";
export {
  openVault,
  spkiSha256,
  type VaultPlace,
} from "./open-vault.ts";
export {
  type Capabilities,
  type ErrorReply,
  errorReply,
  type LentKey,
  limitReply,
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
