import { LRUCache } from "lru-cache";
import type { DnsAnswer, MxRecord, Resolver, SrvRecord, TlsaRecord } from "./resolver.ts";

export interface CachingResolverOptions {
  readonly maxEntries?: number;
  /** What the kept answers may hold in all, about; names and texts are whoever's who owns them. Default 16 MiB. */
  readonly maxOctets?: number;
  /** No answer is kept longer, whatever its TTL says. Default 300, the longest TTL a policy record should have (§4.4). */
  readonly maxTtlSeconds?: number;
  /** Milliseconds since the epoch. */
  readonly nowMs?: () => number;
}

interface Kept {
  readonly answer: DnsAnswer<unknown>;
  readonly untilMs: number;
}

/**
 * Keeps the answers of another resolver for their TTL, and asks only once for what several callers want at the
 * same time. Failures are not kept. A caller's signal ends its own waiting, not the question that others share.
 */
export class CachingResolver implements Resolver {
  readonly #resolver: Resolver;
  readonly #kept: LRUCache<string, Kept>;
  readonly #asking = new Map<string, Promise<DnsAnswer<unknown>>>();
  readonly #maxTtlSeconds: number;
  readonly #nowMs: () => number;

  constructor(resolver: Resolver, options: CachingResolverOptions = {}) {
    this.#resolver = resolver;
    this.#kept = new LRUCache({
      max: options.maxEntries ?? 10_000,
      maxSize: options.maxOctets ?? 16 << 20,
      sizeCalculation: ({ answer }, key) => key.length + sizeOf(answer),
    });
    this.#maxTtlSeconds = options.maxTtlSeconds ?? 300;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  addresses(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.#answer("addresses", name, signal, () => this.#resolver.addresses(name));
  }

  a(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.#answer("a", name, signal, () => this.#resolver.a(name));
  }

  aaaa(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.#answer("aaaa", name, signal, () => this.#resolver.aaaa(name));
  }

  mx(name: string, signal?: AbortSignal): Promise<DnsAnswer<MxRecord>> {
    return this.#answer("mx", name, signal, () => this.#resolver.mx(name));
  }

  txt(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.#answer("txt", name, signal, () => this.#resolver.txt(name));
  }

  srv(name: string, signal?: AbortSignal): Promise<DnsAnswer<SrvRecord>> {
    return this.#answer("srv", name, signal, () => this.#resolver.srv(name));
  }

  tlsa(name: string, signal?: AbortSignal): Promise<DnsAnswer<TlsaRecord>> {
    return this.#answer("tlsa", name, signal, () => this.#resolver.tlsa(name));
  }

  ptr(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.#answer("ptr", name, signal, () => this.#resolver.ptr(name));
  }

  /** Forgets everything. */
  clear(): void {
    this.#kept.clear();
  }

  async #answer<T>(
    type: string,
    name: string,
    signal: AbortSignal | undefined,
    ask: () => Promise<DnsAnswer<T>>,
  ): Promise<DnsAnswer<T>> {
    const key = `${type} ${name}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.untilMs > this.#nowMs()) return kept.answer as DnsAnswer<T>;
    let asking = this.#asking.get(key) as Promise<DnsAnswer<T>> | undefined;
    if (asking === undefined) {
      asking = ask().then((answer) => {
        this.#asking.delete(key);
        this.#keep(key, answer);
        return answer;
      });
      this.#asking.set(key, asking);
    }
    return signal === undefined ? asking : untilAborted(asking, signal);
  }

  #keep(key: string, answer: DnsAnswer<unknown>): void {
    if (answer.kind === "failure") return;
    const ttlSeconds = Math.min(answer.ttlSeconds, this.#maxTtlSeconds);
    if (ttlSeconds > 0) this.#kept.set(key, { answer, untilMs: this.#nowMs() + ttlSeconds * 1000 });
  }
}

/** About what it takes in memory. */
function sizeOf(answer: DnsAnswer<unknown>): number {
  if (answer.kind !== "records") return 100;
  let octets = 100;
  for (const record of answer.records) octets += typeof record === "string" ? 50 + record.length : 300;
  return octets;
}

function untilAborted<T>(asking: Promise<DnsAnswer<T>>, signal: AbortSignal): Promise<DnsAnswer<T>> {
  return new Promise((resolve) => {
    const abort = () => resolve({ kind: "failure", detail: "out of time" });
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    asking.then((answer) => {
      signal.removeEventListener("abort", abort);
      resolve(answer);
    });
  });
}
