export { type Action, type Actions, type Outcome, outcomes, type Stage } from "./actions.ts";
export { defaultPolicy } from "./build-policy.ts";
export type {
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
  QuarantineSettings,
  RemoteVaultSettings,
  Role,
  Route,
  SecretSource,
  SmtpListener,
  StoreSettings,
  StoreSource,
  TlsFiles,
  TokenSettings,
} from "./config.ts";
export { type Expansion, findExpansion } from "./find-expansion.ts";
export { type ConfigResult, loadConfig } from "./load-config.ts";
export {
  type DomainPolicySettings,
  fitsDomain,
  type PolicySettings,
  type SenderRule,
  type TagSettings,
  type TrustedSource,
} from "./policy-settings.ts";
export { formatProblem, type Problem } from "./problems.ts";
export type { ReportSettings } from "./report-settings.ts";
export { usesQueue } from "./uses-queue.ts";
export { parseRedirectTarget } from "./values.ts";
