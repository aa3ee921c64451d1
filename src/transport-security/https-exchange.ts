import { X509Certificate } from "node:crypto";
import { request } from "node:http";
import type { Socket } from "node:net";
import { connect as connectTls, type SecureContext, type TLSSocket } from "node:tls";
import { isGloballyReachable, type Resolver } from "../dns/index.ts";

/** Opens TCP connections; closed test networks bring one that goes elsewhere. */
export interface HttpsDialer {
  /** Rejects when there is no connection; the signal ends the attempt. */
  connect(
    target: { readonly host: string; readonly address: string; readonly port: number },
    signal: AbortSignal,
  ): Promise<Socket>;
}

export interface HttpsOptions {
  readonly resolver: Resolver;
  readonly dialer: HttpsDialer;
  /** The trusted authorities; the system's unless given. */
  readonly secureContext?: SecureContext | undefined;
  /** For closed test networks. */
  readonly allowPrivateAddresses?: boolean;
}

export interface HttpsRequest {
  readonly method: "GET" | "POST";
  readonly host: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** What is wrong with an answer before its body is read; null: nothing. */
  readonly refuses?: (status: number, contentType: string) => string | null;
  /** A larger answer is a failure. */
  readonly maxOctets: number;
}

export interface HttpsAnswer {
  readonly status: number;
  readonly body: Buffer;
}

const port = 443;
const maxAddresses = 3;

/**
 * One request and its answer over HTTPS, with the names that our resolver gives, on a connection of our dialer: to
 * globally reachable addresses only. The certificate is checked, redirects are not followed. Rejects with an Error for
 * people; the signal ends all of it.
 */
export async function exchangeHttps(
  asked: HttpsRequest,
  { resolver, dialer, secureContext, allowPrivateAddresses = false }: HttpsOptions,
  signal: AbortSignal,
): Promise<HttpsAnswer> {
  const { host } = asked;
  const found = await resolver.addresses(host, signal);
  if (found.kind === "failure") throw new Error(`${host}: ${found.detail}`);
  const addresses = found.kind === "records" ? found.records : [];
  const usable = addresses.filter((address) => allowPrivateAddresses || isGloballyReachable(address));
  if (usable.length === 0) throw new Error(`${host} has no address that can be used`);
  const socket = await dial(host, usable.slice(0, maxAddresses), dialer, signal);
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
    return await send(secured, asked, signal);
  } finally {
    secured.destroy();
    socket.destroy();
  }
}

/** A connection to the first address that gives one. */
async function dial(
  host: string,
  addresses: readonly string[],
  dialer: HttpsDialer,
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

function send(socket: TLSSocket, asked: HttpsRequest, signal: AbortSignal): Promise<HttpsAnswer> {
  const { method, host, path, headers, body, maxOctets } = asked;
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": String(body.length) };
    const outgoing = request({
      createConnection: () => socket,
      method,
      host,
      path,
      headers: { host, ...headers, ...length },
      signal,
    });
    outgoing.on("error", reject).on("response", (response) => {
      const { statusCode: status = 0 } = response;
      const refusal = asked.refuses?.(status, response.headers["content-type"] ?? "") ?? null;
      if (refusal !== null) {
        reject(new Error(`${host} ${refusal}`));
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
            response.destroy(new Error(`the answer is larger than ${maxOctets} octets`));
        })
        .on("error", reject)
        .on("close", () => reject(new Error("the answer is not complete")))
        .on("end", () => resolve({ status, body: Buffer.concat(chunks) }));
    });
    outgoing.end(body);
  });
}
