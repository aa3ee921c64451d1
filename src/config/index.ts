export type {
  Action,
  Actions,
  Config,
  HostAndPort,
  HostedDomain,
  KeyringSource,
  Limits,
  Listener,
  Mailboxes,
  NetworkSettings,
  Outcome,
  RemoteVaultSettings,
  Role,
  Route,
  SmtpListener,
  Stage,
  StoreSettings,
  TlsFiles,
  TokenSettings,
} from "./config.ts";
export { type ConfigResult, loadConfig } from "./load-config.ts";
export { formatProblem, type Problem } from "./problems.ts";
export { parseRedirectTarget } from "./values.ts";
