import { X509Certificate } from "node:crypto";
import { request } from "node:http";
import type { Socket } from "node:net";
import { connect as connectTls, type SecureContext, type TLSSocket } from "node:tls";
import { isGloballyReachable, type Resolver } from "../dns/index.ts";
import { type MtaStsPolicy, parseMtaStsPolicy } from "./mta-sts-policy.ts";

/** Opens TCP connections; closed test networks bring one that goes elsewhere. */
export interface PolicyDialer {
  /** Rejects when there is no connection; the signal ends the attempt. */
  connect(
    target: { readonly host: string; readonly address: string; readonly port: number },
    signal: AbortSignal,
  ): Promise<Socket>;
}

export interface MtaStsFetchOptions {
  readonly resolver: Resolver;
  readonly dialer: PolicyDialer;
  /** The trusted authorities; the system's unless given. */
  readonly secureContext?: SecureContext | undefined;
  /** For closed test networks. */
  readonly allowPrivateAddresses?: boolean;
  /** For all of it. Default 30 s: mail waits meanwhile. */
  readonly timeoutMs?: number;
}

export type MtaStsFetch =
  | { readonly kind: "policy"; readonly policy: MtaStsPolicy }
  | { readonly kind: "failure"; readonly detail: string };

const port = 443;
const maxAddresses = 3;
/** RFC 8461 §3.3. */
const maxOctets = 64 << 10;

/** Fetches policies over HTTPS (RFC 8461 §3.3): the certificate is checked, redirects are not followed. Never rejects. */
export function mtaStsFetcher(options: MtaStsFetchOptions): (domain: string) => Promise<MtaStsFetch> {
  return async (domain) => {
    const signal = AbortSignal.timeout(options.timeoutMs ?? 30_000);
    try {
      const text = await download(`mta-sts.${domain}`, options, signal);
      const parsed = parseMtaStsPolicy(text);
      return parsed.ok
        ? { kind: "policy", policy: parsed.policy }
        : { kind: "failure", detail: parsed.problem };
    } catch (error) {
      const detail = signal.aborted ? "out of time" : error instanceof Error ? error.message : String(error);
      return { kind: "failure", detail };
    }
  };
}

async function download(host: string, options: MtaStsFetchOptions, signal: AbortSignal): Promise<string> {
  const { resolver, secureContext, allowPrivateAddresses = false } = options;
  const found = await resolver.addresses(host, signal);
  if (found.kind === "failure") throw new Error(`${host}: ${found.detail}`);
  const addresses = found.kind === "records" ? found.records : [];
  const usable = addresses.filter((address) => allowPrivateAddresses || isGloballyReachable(address));
  if (usable.length === 0) throw new Error(`${host} has no address that can be used`);
  const socket = await dial(host, usable.slice(0, maxAddresses), options.dialer, signal);
  const secured = connectTls({
    socket,
    host,
    servername: host,
    ALPNProtocols: ["http/1.1"],
    ...(secureContext === undefined ? {} : { secureContext }),
    checkServerIdentity: (_, { raw }) =>
      isFor(raw, host) ? undefined : new Error(`no certificate for ${host}`),
  });
  try {
    await handshake(secured, signal);
    return await get(secured, host, signal);
  } finally {
    secured.destroy();
    socket.destroy();
  }
}

/** A connection to the first address that gives one. */
async function dial(
  host: string,
  addresses: readonly string[],
  dialer: PolicyDialer,
  signal: AbortSignal,
): Promise<Socket> {
  let failure: unknown = null;
  for (const address of addresses) {
    try {
      return await dialer.connect({ host, address, port }, signal);
    } catch (error) {
      failure = error;
    }
  }
  throw new Error(`cannot connect to ${host}`, { cause: failure });
}

function handshake(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    // Stays: an error after the handshake shows in the response.
    socket.on("error", reject).on("close", () => reject(new Error("the connection was closed")));
    socket.once("secureConnect", () => resolve());
    signal.addEventListener("abort", () => socket.destroy(new Error("out of time")), { once: true });
    if (signal.aborted) socket.destroy(new Error("out of time"));
  });
}

/** RFC 8461 §3.3: names in subjectAltName only, a wildcard only as the whole first label. */
function isFor(certificate: Uint8Array, host: string): boolean {
  const names = { subject: "never", partialWildcards: false } as const;
  return new X509Certificate(certificate).checkHost(host, names) !== undefined;
}

function get(socket: TLSSocket, host: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({
      createConnection: () => socket,
      host,
      path: "/.well-known/mta-sts.txt",
      headers: { host, accept: "text/plain" },
      signal,
    });
    asked.on("error", reject).on("response", (response) => {
      const type = response.headers["content-type"] ?? "";
      // A page that any user of the host could have put there is no policy.
      if (response.statusCode !== 200 || !/^text\/plain *(?:;|$)/i.test(type)) {
        reject(new Error(`${host} answered ${response.statusCode} with ${type || "no type"}`));
        response.destroy();
        return;
      }
      const chunks: Buffer[] = [];
      let octets = 0;
      response
        .on("data", (chunk: Buffer) => {
          octets += chunk.length;
          chunks.push(chunk);
          if (octets > maxOctets)
            response.destroy(new Error(`the policy is larger than ${maxOctets} octets`));
        })
        .on("error", reject)
        .on("close", () => reject(new Error("the answer is not complete")))
        .on("end", () => resolve(Buffer.concat(chunks).toString("latin1")));
    });
    asked.end();
  });
}
