import { isIP } from "node:net";
import { canonicalDomain, formatAddress, parseAddress } from "../message/index.ts";

/** Where reports about a domain go (POL-21). */
export type ReportDestination =
  | { readonly kind: "mail"; readonly address: string; readonly host: string }
  | { readonly kind: "https"; readonly url: URL; readonly host: string };

/** More are not sent to: a record must not make many of each report. */
const MAX_DESTINATIONS = 2;
const MAX_URL_LENGTH = 1000;

/** @param rua `mailto:` and `https:` URIs with commas between them; what is neither, or cannot be used, is left out */
export function reportDestinations(rua: string): ReportDestination[] {
  const found = rua.split(",", 20).flatMap((uri) => readDestination(uri.trim()) ?? []);
  return found.slice(0, MAX_DESTINATIONS);
}

function readDestination(uri: string): ReportDestination | null {
  if (uri.length > MAX_URL_LENGTH) return null;
  return /^mailto:/i.test(uri) ? readMailto(uri.slice("mailto:".length)) : readHttps(uri);
}

/** RFC 6068 without header fields: those would be the domain's to choose, in mail that is ours. */
function readMailto(text: string): ReportDestination | null {
  if (!/^[!-~]+$/.test(text) || text.includes("?")) return null;
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    return null;
  }
  const parsed = parseAddress(decoded);
  // Reports go without SMTPUTF8: whoever wants them can have an address for them that every server takes.
  if (!parsed.ok || !/^[!-~]+$/.test(parsed.address.localPart)) return null;
  return { kind: "mail", address: formatAddress(parsed.address), host: parsed.address.domain };
}

/** Port 443 and names only: this host must not knock at other doors because a record says so. */
function readHttps(text: string): ReportDestination | null {
  const url = URL.parse(text);
  if (url?.protocol !== "https:" || url.port !== "" || url.username !== "" || url.password !== "")
    return null;
  const host = url.hostname;
  if (isIP(host) !== 0 || canonicalDomain(host) !== host) return null;
  url.hash = "";
  return { kind: "https", url, host };
}

/**
 * Where a host outside a domain says that it takes the domain's reports: a TXT record `v=VSMTP1` (REP-3). Null where it
 * need not: it is the domain or below it. Without this anybody could have a stranger flooded with reports.
 */
export function permissionName(domain: string, host: string): string | null {
  return host === domain || host.endsWith(`.${domain}`) ? null : `${domain}._report._vsmtp.${host}`;
}
