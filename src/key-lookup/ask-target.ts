import { isGloballyReachable, isHostName, type Resolver } from "../dns/index.ts";
import { isPermanent, type KeyResponse } from "../key-protocol/index.ts";
import type { Address } from "../message/index.ts";
import type { Trust } from "../signature/index.ts";
import type { ConnectionPool, PooledConnection } from "./connection-pool.ts";
import { keyserverName, type Target } from "./discovery.ts";
import type { TargetMemory } from "./target-memory.ts";
import type { Trail } from "./trail.ts";

/** How well whoever gave an answer was authenticated (TRU-2 to TRU-9). */
export interface Proof {
  /** By the certificate alone; null when it proves nothing about the domain. */
  readonly trust: Trust | null;
  /** The certificate is valid for the server's own name, which a plain-text redirect brought up (KEY-26). */
  readonly ownName: boolean;
}

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
  /** Who should leave the target alone for a while (CCH-4): this domain, or nobody because it was not its fault. */
  readonly blame: "domain" | "nobody";
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
  // Names for which a certificate will do, and what it is then worth (TRU-2, TRU-4, TRU-5).
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
    const answer = await askPlace(place, acceptable, attempts, options);
    // Whoever redirected had accepted a connection before.
    if (answer.kind === "failed") return { ...answer, accepted: answer.accepted || hops > 0 };
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
  acceptable: ReadonlyMap<string, Trust>,
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
  let answer: AddressAnswer = OUT_OF_ATTEMPTS;
  for (const address of oneOfEachFamily(addresses)) {
    if (attempts.left <= 0 || signal.aborted) break;
    answer = await askAddress({ ...place, address }, acceptable, attempts, options);
    // Who accepted the connection has had its chance; another address is for those that cannot be reached.
    if (answer.kind !== "broken" || answer.accepted) break;
  }
  if (answer.kind !== "broken") {
    if (answer.kind !== "failed") memory.succeeded(name);
    return answer;
  }
  // Broken for one domain is broken for all. When our own time ran out the target may be innocent.
  if (!signal.aborted) memory.failed(name, answer);
  return { ...answer, kind: "failed", blame: "nobody" };
}

function oneOfEachFamily(addresses: readonly string[]): string[] {
  const ipv4 = addresses.find((address) => !address.includes(":"));
  const ipv6 = addresses.find((address) => address.includes(":"));
  return [ipv4, ipv6].filter((address) => address !== undefined);
}

type AddressAnswer =
  | PlaceAnswer
  /** No connection, or none that works. */
  | { readonly kind: "broken"; readonly accepted: boolean; readonly detail: string };

async function askAddress(
  target: { host: string; address: string; port: number },
  acceptable: ReadonlyMap<string, Trust>,
  attempts: { left: number },
  options: AskOptions,
): Promise<AddressAnswer> {
  const { pool, signal, trail } = options;
  const name = `${target.host}:${target.port}`;
  // Twice at most: a connection that was kept may have died meanwhile.
  for (const fresh of [false, true]) {
    const opened = await pool.connect(target, signal, fresh);
    if (opened.kind !== "open" || !opened.kept) attempts.left--;
    if (opened.kind === "failed") return { ...opened, kind: "broken" };
    if (opened.kind === "redirect") return { kind: "redirect", to: opened, trust: null };
    trail({ kind: "connection", target: name, address: target.address, kept: opened.kept });
    const proof = prove(opened, target.host, acceptable, name, trail);
    if (proof.trust === null && !options.signedStatements) {
      return failed("its certificate proves nothing about the domain");
    }
    const response = await opened.connection.key(options.address, options.kid, signal);
    if (response.kind === "failed" && response.stale && opened.kept) continue;
    return readResponse(response, proof, options);
  }
  return { kind: "broken", accepted: true, detail: "it ends its connections" };
}

function prove(
  { connection }: PooledConnection & { kind: "open" },
  host: string,
  acceptable: ReadonlyMap<string, Trust>,
  target: string,
  trail: Trail,
): Proof {
  const { chainProblem, names } = connection.certificate;
  const levels = new Set<Trust>();
  if (chainProblem === null) {
    for (const [name, trust] of acceptable) if (connection.certificate.covers(name)) levels.add(trust);
  }
  const trust = levels.has("domain") ? "domain" : levels.has("host") ? "host" : null;
  trail({ kind: "certificate", target, names, problem: chainProblem, trust });
  return { trust, ownName: chainProblem === null && connection.certificate.covers(host) };
}

function readResponse(response: KeyResponse, proof: Proof, options: AskOptions): AddressAnswer {
  switch (response.kind) {
    case "failed":
      return { kind: "broken", accepted: true, detail: response.detail };
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

/** TRU-8, TRU-9 */
export function isSufficient(trust: Trust | null, required: Trust): boolean {
  return trust === "domain" || (trust === "host" && required === "host");
}

const OUT_OF_ATTEMPTS: TargetFailure = {
  kind: "failed",
  accepted: false,
  blame: "nobody",
  detail: "no connection attempt left",
};

/** There is nothing to connect to. */
function unreachable(detail: string): TargetFailure {
  return { kind: "failed", accepted: false, blame: "domain", detail };
}

/** It works, but not for this domain. */
function failed(detail: string): TargetFailure {
  return { kind: "failed", accepted: true, blame: "domain", detail };
}
