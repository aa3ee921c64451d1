// The key server's public interface: reads public data only, needs no private keys.
export { KeyAnswerer, type KeyAnswererOptions } from "./key-answerer.ts";
export type {
  DirectoryDomain,
  DirectoryKey,
  KeyDirectory,
  StatementSigner,
} from "./key-directory.ts";
export {
  KeyServer,
  type KeyServerEvent,
  type KeyServerLimits,
  type KeyServerOptions,
} from "./key-server.ts";
export type { ServerMode } from "./server-mode.ts";
