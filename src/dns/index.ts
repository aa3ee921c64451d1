// Names and what stands at them: resolver, MX selection, policy records, and a DNS server for tests and closed
// networks.
export { CachingResolver, type CachingResolverOptions } from "./caching-resolver.ts";
export { clientPrefix } from "./client-prefix.ts";
export type { NameServer } from "./dns-exchange.ts";
export { type DnsFailure, type DnsQuestion, DnsServer, type DnsServerOptions } from "./dns-server.ts";
export { isHostName } from "./host-name.ts";
export { inForce, isKeptPolicyRecord, type KeptPolicyRecord, type SeenRecord } from "./kept-policy-record.ts";
export {
  type HostLookupOptions,
  lookUpMailHosts,
  lookUpServiceHosts,
  type MailHost,
  type MailHosts,
  type ServiceHost,
  type ServiceHosts,
} from "./mail-hosts.ts";
export { NetworkList } from "./network-list.ts";
export { type PolicyFile, PolicyMemory, type PolicyMemoryOptions } from "./policy-memory.ts";
export {
  type DomainPolicy,
  isPolicyRecord,
  type PolicyRecord,
  type PolicyRecordResult,
  parsePolicyRecord,
} from "./policy-record.ts";
export {
  dnsPolicySource,
  findPolicy,
  type PolicyAnswer,
  type PolicyRecordAnswer,
  type PolicySource,
} from "./policy-source.ts";
export { ipv6Groups, isGloballyReachable } from "./reachable-address.ts";
export { parseResolvConf, systemResolver } from "./resolv-conf.ts";
export type { DnsAnswer, MxRecord, Resolver, SrvRecord, TlsaRecord } from "./resolver.ts";
export { StubResolver, type StubResolverOptions } from "./stub-resolver.ts";
export type { NameRecords } from "./zone.ts";
