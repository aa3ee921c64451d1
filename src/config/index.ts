export type {
  Action,
  Actions,
  Config,
  DeliverySettings,
  DkimSettings,
  Forward,
  HostAndPort,
  HostedDomain,
  Limits,
  Listener,
  Mailboxes,
  MailingList,
  NetworkSettings,
  NextHop,
  NextHopCredentials,
  Outcome,
  RemoteVaultSettings,
  Role,
  Route,
  SecretSource,
  SmtpListener,
  Stage,
  StoreSettings,
  StoreSource,
  TlsFiles,
  TokenSettings,
} from "./config.ts";
export { type Expansion, findExpansion } from "./find-expansion.ts";
export { type ConfigResult, loadConfig } from "./load-config.ts";
export { formatProblem, type Problem } from "./problems.ts";
export { usesQueue } from "./uses-queue.ts";
export { parseRedirectTarget } from "./values.ts";
