// Attempts against mail hosts with certificates of their own, named by a DNS server that may sign its answers. There is no
// queue: a message is tried, and what came of it is looked at.
import { hash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import type { TestContext } from "node:test";
import { createSecureContext } from "node:tls";
import { generate } from "selfsigned";
import type { Route } from "../config/index.ts";
import { DnsServer, StubResolver, type TlsaRecord } from "../dns/index.ts";
import { type LeasedMessage, systemClock } from "../queue/index.ts";
import type { DialTarget } from "../smtp/index.ts";
import { MtaStsPolicies, mtaStsFetcher } from "../transport-security/index.ts";
import { nothingExpands } from "./address-expansion.ts";
import { attempt } from "./attempt.ts";
import { ConnectionPool, type PoolOptions } from "./connection-pool.ts";
import { LocalDelivery } from "./local-delivery.ts";
import { RemoteDelivery } from "./remote-delivery.ts";
import { describe } from "./result.ts";
import { Router } from "./router.ts";
import type { TargetOptions } from "./target.ts";
import { content } from "./test-network.ts";

export interface LabCertificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  readonly der: Uint8Array;
}

/** @param issuer signs it; it signs itself unless given */
export async function makeCertificate(
  names: readonly string[],
  issuer: LabCertificate | null = null,
  options: { readonly authority?: boolean; readonly ended?: boolean } = {},
): Promise<LabCertificate> {
  const made = await generate([{ name: "commonName", value: names[0] ?? "" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: options.authority
      ? [
          { name: "basicConstraints", cA: true, critical: true },
          { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
        ]
      : [{ name: "subjectAltName", altNames: names.map((value) => ({ type: 2 as const, value })) }],
    ...(issuer ? { ca: { key: issuer.key, cert: issuer.cert } } : {}),
    ...(options.ended ? { notBeforeDate: new Date(0), notAfterDate: new Date(86_400_000) } : {}),
  });
  return { cert: made.cert, key: made.private, der: new X509Certificate(made.cert).raw };
}

/** A TLSA record by the SHA-256 of a certificate or its key. */
export function tlsa(usage: number, selector: 0 | 1, { der }: LabCertificate): TlsaRecord {
  const key = new X509Certificate(der).publicKey.export({ format: "der", type: "spki" });
  const data = hash("sha256", selector === 0 ? der : key, "buffer");
  return { usage, selector, matchingType: 1, data };
}

export function tlsOf({ cert, key }: LabCertificate, more: readonly LabCertificate[] = []) {
  const context = createSecureContext({ cert: [cert, ...more.map((one) => one.cert)].join("\n"), key });
  return { tlsMode: "starttls", secureContext: () => context } as const;
}

export function leased(overrides: Partial<LeasedMessage> = {}): LeasedMessage {
  return {
    id: "M1",
    destination: "dest.test",
    sender: "a@here.test",
    recipients: [
      {
        index: 0,
        address: "b@dest.test",
        state: "pending",
        detail: null,
        notify: null,
        originalRecipient: null,
      },
    ],
    body: "7bit",
    smtputf8: false,
    requireTls: false,
    envelopeId: null,
    returned: null,
    account: null,
    kids: [],
    suspicious: false,
    size: content.length,
    enqueuedAt: 0,
    expiresAt: 1e15,
    warned: false,
    purpose: "attempt",
    destinationFailure: null,
    destinationFailures: 0,
    lease: 1,
    attempts: 0,
    ...overrides,
  };
}

export interface LabOptions {
  /** "host:port" → port of this machine. */
  readonly places?: Record<string, number>;
  readonly authority?: LabCertificate;
  readonly routes?: readonly Route[];
  readonly password?: string;
  readonly targets?: Partial<TargetOptions>;
  readonly pool?: Partial<PoolOptions>;
}

/** @returns a DNS server to be filled, and `send`, which tries a message */
export async function openLab(t: TestContext, options: LabOptions = {}) {
  const dns = new DnsServer();
  const resolver = new StubResolver({ servers: [await dns.listen()] });
  const places: Record<string, number> = { ...options.places };
  const dialled: string[] = [];
  const dialer = {
    async connect({ host, port, address, path }: DialTarget) {
      dialled.push(path ?? `${host}:${port}`);
      const loopback = address?.includes(":") ? "::1" : "127.0.0.1";
      const socket = path === undefined ? connect(places[`${host}:${port}`] ?? 1, loopback) : connect(path);
      await once(socket, "connect");
      return socket;
    },
  };
  const { authority } = options;
  const pool = new ConnectionPool({
    dialer,
    hostname: "mail.here.test",
    clock: systemClock,
    ca: authority ? [authority.cert] : null,
    passwordOf: () => options.password ?? "",
    connectionsPerDestination: 10,
    messagesPerConnection: 100,
    idleMs: 5000,
    avoidMs: 0,
    waitMs: 60_000,
    ...options.pool,
  });
  const policies = new MtaStsPolicies({
    resolver,
    fetch: mtaStsFetcher({
      resolver,
      dialer,
      secureContext: authority && createSecureContext({ ca: authority.cert }),
      allowPrivateAddresses: true,
    }),
  });
  const tools = {
    expansion: nothingExpands,
    router: new Router([], options.routes ?? []),
    local: new LocalDelivery("mail.here.test", () => null),
    remote: new RemoteDelivery(pool),
    targets: {
      resolver,
      hostname: "mail.here.test",
      isOwnAddress: () => false,
      allowPrivateAddresses: true,
      port: 25,
      random: Math.random,
      dane: true,
      mtaSts: policies,
      signal: new AbortController().signal,
      ...options.targets,
    },
  };
  t.after(async () => {
    pool.abort();
    await pool.close();
    await dns.close();
  });
  /** The results, one line each: the TLS that there was, and what was said. */
  async function send(overrides: Partial<LeasedMessage> = {}): Promise<string> {
    const { results } = await outcome(overrides);
    return results
      .map((result) => `${result.kind} ${result.via?.tls ?? "-"}: ${describe(result)}`)
      .join("\n");
  }
  function outcome(overrides: Partial<LeasedMessage> = {}) {
    const message = leased(overrides);
    const stored = { inline: [content], restOctets: 0, rest: () => content as never };
    return attempt(message, { content: async () => stored, problem: async () => null }, tools);
  }
  return { dns, places, dialled, pool, send, outcome };
}

/** The policy host of a domain. @returns its port */
export async function startPolicyHost(
  t: TestContext,
  certificate: LabCertificate,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<number> {
  const server = createServer({ cert: certificate.cert, key: certificate.key }, answer).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
