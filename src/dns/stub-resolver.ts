import { BlockList, isIPv6 } from "node:net";
import { exchange, type NameServer } from "./dns-exchange.ts";
import {
  buildQuery,
  type QueryType,
  readAddress,
  readAnswer,
  readMx,
  readName,
  readSrv,
  readTlsa,
  readTxt,
} from "./dns-message.ts";
import { isDnsName } from "./host-name.ts";
import {
  type DnsAnswer,
  joinAddressAnswers,
  type MxRecord,
  type Resolver,
  type SrvRecord,
  type TlsaRecord,
} from "./resolver.ts";

export interface StubResolverOptions {
  /** Recursive name servers, asked in this order. */
  readonly servers: readonly NameServer[];
  /** Hard limit for one question over all servers. Default 8000. */
  readonly timeoutMs?: number;
  /** How long one server may take before the next is asked. Default 2000. */
  readonly attemptTimeoutMs?: number;
  /**
   * Believe the AD bit. It says nothing unless the path to the server is safe (RFC 6840 §5.8), so by default
   * it counts only when every server is on the loopback interface.
   */
  readonly trustAuthenticatedData?: boolean;
}

/** Asks recursive name servers over UDP and TCP. Keeps nothing; see CachingResolver. */
export class StubResolver implements Resolver {
  readonly #servers: readonly NameServer[];
  readonly #timeoutMs: number;
  readonly #attemptTimeoutMs: number;
  readonly #trustAuthenticatedData: boolean;

  constructor(options: StubResolverOptions) {
    if (options.servers.length === 0) throw new TypeError("a resolver needs at least one name server");
    this.#servers = options.servers;
    this.#timeoutMs = options.timeoutMs ?? 8000;
    this.#attemptTimeoutMs = options.attemptTimeoutMs ?? 2000;
    this.#trustAuthenticatedData =
      options.trustAuthenticatedData ?? options.servers.every((server) => isLoopback(server.address));
  }

  async addresses(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    const [ipv4, ipv6] = await Promise.all([this.a(name, signal), this.aaaa(name, signal)]);
    return joinAddressAnswers(ipv4, ipv6);
  }

  a(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.#ask(name, "A", readAddress, signal);
  }

  aaaa(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.#ask(name, "AAAA", readAddress, signal);
  }

  mx(name: string, signal?: AbortSignal): Promise<DnsAnswer<MxRecord>> {
    return this.#ask(name, "MX", readMx, signal);
  }

  txt(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.#ask(name, "TXT", readTxt, signal);
  }

  srv(name: string, signal?: AbortSignal): Promise<DnsAnswer<SrvRecord>> {
    return this.#ask(name, "SRV", readSrv, signal);
  }

  tlsa(name: string, signal?: AbortSignal): Promise<DnsAnswer<TlsaRecord>> {
    return this.#ask(name, "TLSA", readTlsa, signal);
  }

  ptr(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.#ask(name, "PTR", readName, signal);
  }

  async #ask<T>(
    askedName: string,
    type: QueryType,
    read: (data: unknown) => T,
    signal?: AbortSignal,
  ): Promise<DnsAnswer<T>> {
    const name = askedName.replace(/\.$/, "").toLowerCase();
    if (!isDnsName(name)) return { kind: "nxdomain", authenticated: false, ttlSeconds: 0 };
    const deadline = Date.now() + this.#timeoutMs;
    const refused = new Set<NameServer>();
    const withoutEdns = new Set<NameServer>();
    let detail = "no answer";
    for (let attempt = 0; refused.size < this.#servers.length; attempt++) {
      const server = this.#servers[attempt % this.#servers.length] as NameServer;
      if (refused.has(server)) continue;
      const remainingMs = deadline - Date.now();
      if (signal?.aborted || remainingMs <= 0) break;
      const query = buildQuery(name, type, !withoutEdns.has(server));
      const result = await withTimeout(Math.min(remainingMs, this.#attemptTimeoutMs), signal, (inTime) =>
        exchange(server, query, inTime),
      );
      if (result.kind === "failed") {
        detail = result.detail;
        // An error that comes at once would make this loop spin; a server that was silent is asked again.
        if (!result.silent) refused.add(server);
        continue;
      }
      if (result.response.rcode === "FORMERR" && !withoutEdns.has(server)) {
        withoutEdns.add(server);
        attempt--;
        continue;
      }
      const answer = readAnswer(result.response, query, read, this.#trustAuthenticatedData);
      if (answer.kind !== "failure") return answer;
      detail = answer.detail;
      refused.add(server);
    }
    return { kind: "failure", detail: `${type} ${name}: ${detail}` };
  }
}

async function withTimeout<T>(
  timeoutMs: number,
  outer: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, timeoutMs);
  outer?.addEventListener("abort", abort, { once: true });
  try {
    return await run(controller.signal);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", abort);
  }
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

function isLoopback(address: string): boolean {
  // An address with a zone ("fe80::1%eth0") names another machine.
  return !address.includes("%") && loopback.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}
