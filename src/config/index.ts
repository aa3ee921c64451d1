export { type Action, type Actions, type Outcome, outcomes, type Stage } from "./actions.ts";
export { defaultPolicy } from "./build-policy.ts";
export type {
  Config,
  DeliverySettings,
  DkimSettings,
  HostAndPort,
  Limits,
  NetworkSettings,
  RemoteVaultSettings,
  Role,
  Route,
  StoreSettings,
  StoreSource,
  TokenSettings,
} from "./config.ts";
export { type Expansion, findExpansion } from "./find-expansion.ts";
export type { Forward, HostedDomain, Mailboxes, MailingList } from "./hosted-domain.ts";
export type { Listener, SmtpListener, TlsFiles, TrustedNetworks } from "./listener.ts";
export { type ConfigResult, loadConfig } from "./load-config.ts";
export { accountOf, type LoginNames } from "./login-names.ts";
export type { MilterSettings } from "./milter-settings.ts";
export type { NextHop, NextHopCredentials, SecretSource } from "./next-hop.ts";
export {
  type DomainPolicySettings,
  fitsDomain,
  type PolicySettings,
  type SenderRule,
  type TagSettings,
  type TrustedSource,
} from "./policy-settings.ts";
export { formatProblem, type Problem } from "./problems.ts";
export type { ProxySettings } from "./proxy-settings.ts";
export { type PolicyResult, readPolicy } from "./read-policy.ts";
export type { QuarantineSettings } from "./receiving-settings.ts";
export type { ReportSettings } from "./report-settings.ts";
export { signsForUsers, usesMailLog, usesQueue } from "./uses-queue.ts";
export { parseRedirectTarget } from "./values.ts";
