// What a domain says of the TLS of its hosts, and whether a server's certificates live up to it: DANE (RFC 7672) and
// MTA-STS (RFC 8461).
export { judgeDane } from "./dane.ts";
export { type MtaStsFetchOptions, mtaStsFetcher } from "./fetch-mta-sts.ts";
export {
  exchangeHttps,
  type HttpsAnswer,
  type HttpsDialer,
  type HttpsOptions,
  type HttpsRequest,
} from "./https-exchange.ts";
export { type MtaStsFile, openMtaStsFile } from "./mta-sts-file.ts";
export { MtaStsPolicies, type MtaStsPoliciesOptions } from "./mta-sts-policies.ts";
export {
  coversMailHost,
  type MtaStsPolicy,
  parseMtaStsPolicy,
  parseMtaStsRecord,
} from "./mta-sts-policy.ts";
export { lookUpTlsa, type TlsaLookup, usableTlsa } from "./tlsa.ts";
