import { type DnsAnswer, isGloballyReachable, isHostName, type Resolver } from "../dns/index.ts";
import { isPermanent, type KeyResponse, type KeyTarget } from "../key-protocol/index.ts";
import type { Address } from "../message/index.ts";
import type { Trust } from "../signature/index.ts";
import { lookUpTlsa, type TlsaLookup } from "../transport-security/index.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import { keyserverName, type Target } from "./discovery.ts";
import { isSufficient, type Proof, proveServer, type Server } from "./prove-server.ts";
import type { RememberedFailure, TargetMemory } from "./target-memory.ts";
import type { Trail } from "./trail.ts";

export type TargetAnswer =
  | { readonly kind: "statements"; readonly lines: readonly string[]; readonly proof: Proof }
  /** [NOTHERE] (DIS-8). */
  | { readonly kind: "not-here" }
  /** Another permanent error (KEY-32). */
  | { readonly kind: "no-key"; readonly code: string }
  | TargetFailure;

export interface TargetFailure {
  readonly kind: "failed";
  /** A TCP connection came about (DIS-5). */
  readonly accepted: boolean;
  /** Each of its addresses refused the connection (DIS-10). */
  readonly refused: boolean;
  /** Who should leave the target alone for a while (CCH-4): this domain, or nobody because it was not its fault. */
  readonly blame: "domain" | "nobody";
  /** Who is left alone from now on, whatever the domain is. */
  readonly paused?: { readonly target: string; readonly seconds: number };
  readonly detail: string;
}

export interface AskOptions {
  readonly domain: string;
  readonly address: Address;
  readonly kid: string | null;
  /** What a refusal must be backed by; a statement may be backed by its signature instead. */
  readonly requiredTrust: Trust;
  /** `dk` is published: statements of a server without a fitting certificate can still count. */
  readonly signedStatements: boolean;
  readonly resolver: Resolver;
  readonly pool: ConnectionPool;
  /** By `host:port`: those that failed whatever the domain was. */
  readonly memory: TargetMemory;
  readonly allowPrivateAddresses: boolean;
  /** Look at TLSA records (TRU-3). */
  readonly dane: boolean;
  /** Whether an enforced MTA-STS policy of the domain names this host of its MX (TRU-6). */
  readonly isEnforced: (host: string) => Promise<boolean>;
  /** Connection attempts that may still be made to targets of the domain (DIS-2). */
  readonly attempts: { left: number };
  readonly signal: AbortSignal;
  readonly trail: Trail;
}

const MAX_REDIRECTS = 3;
/** Of each host one IPv4 and one IPv6 address: one dead host must not use up all attempts. */
const MAX_ADDRESSES = 2;

/** Asks one target for a key and follows its redirects (KEY-21 to KEY-27). */
export async function askTarget(target: Target, options: AskOptions): Promise<TargetAnswer> {
  const { domain, trail } = options;
  const acceptable = new Map<string, Trust>([
    [target.host, target.trust],
    [domain, "domain"],
    [keyserverName(domain), "domain"],
  ]);
  const visited = new Set<string>();
  let place: { host: string; port: number } = target;
  let attempts = options.attempts;
  for (let hops = 0; ; hops++) {
    const name = `${place.host}:${place.port}`;
    if (visited.has(name)) return failed(`redirected in a circle, to ${name}`);
    visited.add(name);
    const answer = await askPlace(place, { target, acceptable }, attempts, options);
    // Whoever redirected had accepted a connection before.
    if (answer.kind === "failed") {
      return { ...answer, accepted: answer.accepted || hops > 0, refused: answer.refused && hops === 0 };
    }
    if (answer.kind !== "redirect") return answer;
    const { to, trust } = answer;
    trail({ kind: "redirect", from: name, to: `${to.host}:${to.port}`, trust });
    if (hops === MAX_REDIRECTS) return failed(`more than ${MAX_REDIRECTS} redirects`);
    const breach = redirectBreach(to);
    if (breach !== null) return failed(breach);
    // What was said in plain text gives the new name no credit (KEY-26); inside TLS it does (KEY-27).
    if (trust !== null && !acceptable.has(to.host)) acceptable.set(to.host, trust);
    place = to;
    attempts = { left: MAX_ADDRESSES };
  }
}

/** For whom a place speaks, and by which names. */
interface Standing {
  readonly target: Target;
  /** Grows as servers that were authenticated bring names up. */
  readonly acceptable: Map<string, Trust>;
}

/** Which rule a redirect's target breaks (KEY-23), or null. */
function redirectBreach({ host, port }: { host: string; port: number }): string | null {
  if (!isHostName(host)) return `redirected to ${host}, which is not a host name`;
  if (port !== 443 && port < 1024) return `redirected to port ${port}`;
  return null;
}

type PlaceAnswer =
  | TargetAnswer
  | { readonly kind: "redirect"; readonly to: { host: string; port: number }; readonly trust: Trust | null };

/** Asks one host and port, at its addresses one after the other. */
async function askPlace(
  place: { host: string; port: number },
  standing: Standing,
  attempts: { left: number },
  options: AskOptions,
): Promise<PlaceAnswer> {
  const { resolver, allowPrivateAddresses, memory, signal, trail } = options;
  const name = `${place.host}:${place.port}`;
  const remembered = memory.recall(name);
  if (remembered !== null) return { ...remembered, kind: "failed", blame: "nobody" };
  const found = await resolver.addresses(place.host, signal);
  if (found.kind === "failure") return unreachable(found.detail);
  const all = found.kind === "records" ? found.records : [];
  const addresses = all.filter((address) => allowPrivateAddresses || isGloballyReachable(address));
  const refused = all.filter((address) => !addresses.includes(address));
  trail({ kind: "addresses", host: place.host, addresses, refused });
  if (addresses.length === 0) {
    return unreachable(
      refused.length === 0 ? "it has no address" : "none of its addresses is globally reachable",
    );
  }
  // Whose certificate is to be as DNSSEC says is not talked to while nobody knows what it says (RFC 7672 §2.1).
  const tlsa = await tlsaOf(place, found, options);
  if (tlsa.kind === "failure") return unreachable(`its TLSA records cannot be looked up: ${tlsa.detail}`);
  let answer: AddressAnswer = OUT_OF_ATTEMPTS;
  let refusedAll = true;
  for (const address of oneOfEachFamily(addresses)) {
    if (attempts.left <= 0 || signal.aborted) break;
    answer = await askAddress({ ...place, address, tlsa }, standing, attempts, options);
    // Who accepted the connection has had its chance; another address is for those that cannot be reached.
    if (answer.kind !== "broken" || answer.accepted) break;
    refusedAll &&= answer.refused;
  }
  if (answer.kind !== "broken") {
    if (answer.kind !== "failed") memory.succeeded(name);
    return answer;
  }
  // Broken for one domain is broken for all. When our own time ran out the target may be innocent.
  const failure = { ...answer, refused: answer.refused && refusedAll };
  const paused = signal.aborted ? {} : { paused: { target: name, seconds: memory.failed(name, failure) } };
  return { ...failure, kind: "failed", blame: "nobody", ...paused };
}

function tlsaOf(
  { host, port }: { host: string; port: number },
  addresses: DnsAnswer<string>,
  { dane, resolver, signal }: AskOptions,
): Promise<TlsaLookup> | TlsaLookup {
  if (!dane || addresses.kind !== "records") return { kind: "none" };
  return lookUpTlsa(host, port, addresses, resolver, signal);
}

function oneOfEachFamily(addresses: readonly string[]): string[] {
  const ipv4 = addresses.find((address) => !address.includes(":"));
  const ipv6 = addresses.find((address) => address.includes(":"));
  return [ipv4, ipv6].filter((address) => address !== undefined);
}

type AddressAnswer =
  | PlaceAnswer
  /** No connection, or none that works. */
  | (RememberedFailure & { readonly kind: "broken" });

async function askAddress(
  place: KeyTarget & Pick<Server, "tlsa">,
  standing: Standing,
  attempts: { left: number },
  options: AskOptions,
): Promise<AddressAnswer> {
  const { pool, signal, trail } = options;
  const name = `${place.host}:${place.port}`;
  // Twice at most: a connection that was kept may have died meanwhile.
  for (const fresh of [false, true]) {
    trail({ kind: "connecting", target: name, address: place.address });
    const opened = await pool.connect(place, signal, fresh);
    if (opened.kind !== "open" || !opened.kept) attempts.left--;
    if (opened.kind === "failed") return { ...opened, kind: "broken" };
    if (opened.kind === "redirect") return { kind: "redirect", to: opened, trust: null };
    trail({ kind: "connection", target: name, address: place.address, kept: opened.kept });
    const proof = await prove({ ...place, certificate: opened.connection.certificate }, standing, options);
    if (proof.trust === null && !options.signedStatements) {
      return failed("its certificate proves nothing about the domain");
    }
    const response = await opened.connection.key(options.address, options.kid, signal);
    if (response.kind === "failed" && response.stale && opened.kept) continue;
    return readResponse(response, proof, options);
  }
  return { kind: "broken", accepted: true, refused: false, detail: "it ends its connections" };
}

/** What the server proves, by an MTA-STS policy too: that is fetched only where nothing else is enough (TRU-6). */
async function prove(server: Server, { target, acceptable }: Standing, options: AskOptions): Promise<Proof> {
  const { requiredTrust, trail } = options;
  const proof = proveServer(server, acceptable, trail);
  const missesDomain = proof.trust === "host" && requiredTrust === "domain";
  if (!missesDomain || !target.isMailHost || acceptable.get(target.host) !== "host") return proof;
  if (!(await options.isEnforced(target.host))) return proof;
  acceptable.set(target.host, "domain");
  return proveServer(server, acceptable, trail);
}

function readResponse(response: KeyResponse, proof: Proof, options: AskOptions): AddressAnswer {
  switch (response.kind) {
    case "failed":
      return { kind: "broken", accepted: true, refused: false, detail: response.detail };
    case "redirect":
      return { kind: "redirect", to: response, trust: proof.trust };
    case "statements":
      return { kind: "statements", lines: response.lines, proof };
    case "error":
      // A refusal carries no signature: only the certificate can back it (TRU-11).
      if (!isSufficient(proof.trust, options.requiredTrust)) {
        return failed(`[${response.code}] from a server that is not authenticated well enough`);
      }
      if (response.code === "NOTHERE") return { kind: "not-here" };
      if (isPermanent(response.code)) return { kind: "no-key", code: response.code };
      return failed(`it answered [${response.code}]`);
  }
}

const OUT_OF_ATTEMPTS: TargetFailure = {
  kind: "failed",
  accepted: false,
  refused: false,
  blame: "nobody",
  detail: "no connection attempt left",
};

/** There is nothing to connect to. */
function unreachable(detail: string): TargetFailure {
  return { kind: "failed", accepted: false, refused: false, blame: "domain", detail };
}

/** It works, but not for this domain. */
function failed(detail: string): TargetFailure {
  return { kind: "failed", accepted: true, refused: false, blame: "domain", detail };
}
