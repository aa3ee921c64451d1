import { LRUCache } from "lru-cache";
import type { Resolver } from "../dns/index.ts";
import type { MtaStsFetch } from "./fetch-mta-sts.ts";
import type { KeptPolicy, MtaStsFile } from "./mta-sts-file.ts";
import { type MtaStsPolicy, parseMtaStsRecord } from "./mta-sts-policy.ts";

export interface MtaStsPoliciesOptions {
  readonly resolver: Resolver;
  /** Never rejects. */
  readonly fetch: (domain: string) => Promise<MtaStsFetch>;
  /** Where policies outlive this process; null: nowhere. */
  readonly file?: MtaStsFile | null;
  readonly nowMs?: () => number;
}

const maxDomains = 10_000;
/** RFC 8461 §3.3 suggests five minutes before a fetch that failed is tried again. So it is with a record. */
const failedMs = 5 * 60_000;
/** RFC 8461 §10.2: a policy is fetched again long before it ends, so that nobody can wait for its end. */
const refreshMs = 24 * 3_600_000;

/**
 * The policies of domains, remembered for as long as each says. One that is known stays in force when its record or its
 * host cannot be asked: otherwise whoever suppresses an answer would turn it off (RFC 8461 §3.3, §10.2).
 */
export class MtaStsPolicies {
  readonly #options: MtaStsPoliciesOptions;
  readonly #nowMs: () => number;
  readonly #kept = new LRUCache<string, KeptPolicy>({ max: maxDomains });
  /** Until when the record of a domain cannot be asked for. */
  readonly #silent = new LRUCache<string, number>({ max: maxDomains });
  /** Until when, by domain and id, another fetch would fail as well. */
  readonly #failed = new LRUCache<string, number>({ max: maxDomains });
  readonly #fetching = new Map<string, Promise<MtaStsPolicy | null>>();

  constructor(options: MtaStsPoliciesOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
    for (const kept of options.file?.read() ?? []) this.#kept.set(kept.domain, kept);
  }

  /**
   * The policy that holds for a domain now; null: none is known. Never rejects.
   *
   * @param signal ends the wait
   */
  async policyOf(domain: string, signal?: AbortSignal): Promise<MtaStsPolicy | null> {
    const id = await this.#idOf(domain, signal);
    const kept = this.#inForce(domain);
    if (id === null) return kept?.policy ?? null;
    if (kept === null || kept.id !== id) return untilAborted(this.#fetchOnce(domain, id), signal);
    if (kept.fetchedAt + refreshMs < this.#nowMs()) void this.#fetchOnce(domain, id);
    return kept.policy;
  }

  /** Of the domain's record; null where there is none, or nobody can tell. */
  async #idOf(domain: string, signal?: AbortSignal): Promise<string | null> {
    // Name servers that never answer for such names must not hold up each message.
    if ((this.#silent.get(domain) ?? 0) > this.#nowMs()) return null;
    const answer = await this.#options.resolver.txt(`_mta-sts.${domain}`, signal);
    if (answer.kind === "failure") this.#silent.set(domain, this.#nowMs() + failedMs);
    return answer.kind === "records" ? parseMtaStsRecord(answer.records) : null;
  }

  #inForce(domain: string): KeptPolicy | null {
    const kept = this.#kept.get(domain);
    return kept !== undefined && this.#nowMs() < endOf(kept) ? kept : null;
  }

  /** All who want a domain's policy at a time share one fetch. */
  #fetchOnce(domain: string, id: string): Promise<MtaStsPolicy | null> {
    let fetching = this.#fetching.get(domain);
    if (fetching === undefined) {
      fetching = this.#fetch(domain, id).finally(() => this.#fetching.delete(domain));
      this.#fetching.set(domain, fetching);
    }
    return fetching;
  }

  async #fetch(domain: string, id: string): Promise<MtaStsPolicy | null> {
    const failed = `${domain} ${id}`;
    if ((this.#failed.get(failed) ?? 0) > this.#nowMs()) return this.#inForce(domain)?.policy ?? null;
    const fetched = await this.#options.fetch(domain);
    if (fetched.kind === "failure") {
      this.#failed.set(failed, this.#nowMs() + failedMs);
      return this.#inForce(domain)?.policy ?? null;
    }
    this.#kept.set(domain, { domain, id, policy: fetched.policy, fetchedAt: this.#nowMs() });
    this.#options.file?.write(() => [...this.#kept.values()].filter((kept) => this.#nowMs() < endOf(kept)));
    return fetched.policy;
  }
}

function untilAborted(
  fetching: Promise<MtaStsPolicy | null>,
  signal: AbortSignal | undefined,
): Promise<MtaStsPolicy | null> {
  if (signal === undefined) return fetching;
  return new Promise((resolve) => {
    const abort = (): void => resolve(null);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    void fetching.then((policy) => {
      signal.removeEventListener("abort", abort);
      resolve(policy);
    });
  });
}

function endOf({ fetchedAt, policy }: KeptPolicy): number {
  return fetchedAt + policy.maxAgeSeconds * 1000;
}
