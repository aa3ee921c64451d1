import { LRUCache } from "lru-cache";
import {
  CLOCK_SKEW_S,
  epochFloor,
  inForce,
  isAlive,
  isNews,
  type KeptPolicyRecord,
  learn,
  withoutRecords,
} from "./kept-policy-record.ts";
import { parsePolicyRecord } from "./policy-record.ts";
import {
  findPolicy,
  lookUpPolicyRecord,
  type PolicyAnswer,
  type PolicyRecordAnswer,
  type PolicySource,
} from "./policy-source.ts";
import type { Resolver } from "./resolver.ts";

/** Where records outlive the process. */
export interface PolicyFile {
  read(): readonly KeptPolicyRecord[];
  /** Soon writes what `records` then gives. */
  write(records: () => Iterable<KeptPolicyRecord>): void;
}

export interface PolicyMemoryOptions {
  readonly resolver: Resolver;
  /** Null: nowhere. */
  readonly file?: PolicyFile | null;
  /** Unix milliseconds. */
  readonly nowMs?: () => number;
  /** Most domains that were seen on one day only, and others. Default 10000 and 30000. */
  readonly maxDomains?: { readonly fresh: number; readonly known: number };
}

const silentMs = 30_000;

type DnsFailed = PolicyRecordAnswer & { readonly kind: "failure" };

/**
 * Policy records out of the DNS, each remembered for its `ma`: it serves when the DNS fails (POL-15) and when there is no
 * record any more (POL-10), so that whoever suppresses it gains nothing. A record that is there replaces what is
 * remembered, soon or at once, and a denial that DNSSEC vouches for ends it: only the owner can have said that. A flood of
 * domains pushes out those that are new, never those seen on several days.
 */
export class PolicyMemory implements PolicySource {
  readonly #resolver: Resolver;
  readonly #file: PolicyFile | null;
  readonly #nowMs: () => number;
  readonly #fresh: LRUCache<string, KeptPolicyRecord>;
  readonly #known: LRUCache<string, KeptPolicyRecord>;
  /** Names that the DNS failed for a moment ago, and what it said. */
  readonly #silent = new LRUCache<string, { readonly answer: DnsFailed; readonly untilMs: number }>({
    max: 10_000,
  });

  constructor({ resolver, file = null, nowMs = Date.now, maxDomains }: PolicyMemoryOptions) {
    this.#resolver = resolver;
    this.#file = file;
    this.#nowMs = nowMs;
    this.#fresh = new LRUCache({ max: maxDomains?.fresh ?? 10_000 });
    this.#known = new LRUCache({ max: maxDomains?.known ?? 30_000 });
    for (const kept of file?.read() ?? []) this.#keep(kept);
  }

  async recordOf(domain: string, signal?: AbortSignal): Promise<PolicyRecordAnswer> {
    const silent = this.#silent.get(domain);
    const answer =
      silent !== undefined && silent.untilMs > this.#nowMs()
        ? silent.answer
        : await lookUpPolicyRecord(domain, this.#resolver, signal);
    const before = this.remembered(domain);
    if (answer.kind === "record") return this.#learn(domain, answer, before);
    if (before === null) return answer;
    if (answer.kind === "none" && answer.denied) {
      this.#note(null, domain);
      return answer;
    }
    const now = this.#now();
    const recalled = recall(before, answer, now);
    if (recalled !== null) {
      // Who can go on without the DNS does not wait for it to fail each time.
      if (answer.kind === "failure" && answer !== silent?.answer) {
        this.#silent.set(domain, { answer, untilMs: this.#nowMs() + silentMs });
      }
      return recalled;
    }
    // None is held any longer, and now somebody says that there is none: its days count for nothing any more.
    if (answer.kind === "none" && before.last !== null) this.#note(withoutRecords(before, now), domain);
    return answer;
  }

  policyFor(domain: string, signal?: AbortSignal): Promise<PolicyAnswer> {
    return findPolicy(domain, (name) => this.recordOf(name, signal));
  }

  /** What is held of a domain now; null for nothing. */
  remembered(domain: string): KeptPolicyRecord | null {
    const kept = this.#known.get(domain) ?? this.#fresh.get(domain);
    return kept !== undefined && isAlive(kept, this.#now()) ? kept : null;
  }

  #learn(
    domain: string,
    answer: PolicyRecordAnswer & { kind: "record" },
    before: KeptPolicyRecord | null,
  ): PolicyRecordAnswer {
    const now = this.#now();
    const kept = learn(domain, answer, before, now);
    if (kept === null ? before !== null : isNews(before, kept, now)) this.#note(kept, domain);
    return kept === null ? answer : withFloor(answer, epochFloor(kept, now));
  }

  #note(kept: KeptPolicyRecord | null, domain: string): void {
    if (kept !== null) this.#keep(kept);
    else this.#drop(domain);
    this.#write();
  }

  #keep(kept: KeptPolicyRecord): void {
    const isKnown = Math.max(kept.last?.days ?? 0, kept.before?.days ?? 0) > 1;
    (isKnown ? this.#fresh : this.#known).delete(kept.domain);
    (isKnown ? this.#known : this.#fresh).set(kept.domain, kept);
  }

  #drop(domain: string): void {
    this.#known.delete(domain);
    this.#fresh.delete(domain);
  }

  #write(): void {
    this.#file?.write(() =>
      [this.#known, this.#fresh].flatMap((some) =>
        // Least recently used first, so that a new process has them in the same order.
        [...some.values()].reverse().filter((kept) => isAlive(kept, this.#now())),
      ),
    );
  }

  #now(): number {
    return Math.floor(this.#nowMs() / 1000);
  }
}

/** The remembered record in place of an answer that is none; null where only its epoch is held. */
function recall(
  kept: KeptPolicyRecord,
  answer: Exclude<PolicyRecordAnswer, { kind: "record" }>,
  now: number,
): PolicyRecordAnswer | null {
  const seen = inForce(kept, now);
  const parsed = seen === null ? null : parsePolicyRecord(seen.text);
  if (seen === null || !parsed?.ok) return null;
  const { text, authenticated, until } = seen;
  const detail = answer.kind === "failure" ? answer.detail : (answer.problem ?? "there is none");
  const remembered = { until, insteadOf: answer.kind, detail };
  // One in the future is not held, and what is held of it is the floor.
  const epoch = parsed.record.epoch > now + CLOCK_SKEW_S ? 0 : parsed.record.epoch;
  const record = { ...parsed.record, epoch };
  const recalled = { kind: "record", record, text, authenticated, ttlSeconds: 0, remembered } as const;
  return withFloor(recalled, epochFloor(kept, now));
}

function withFloor(answer: PolicyRecordAnswer & { kind: "record" }, floor: number): PolicyRecordAnswer {
  const { record } = answer;
  return floor > record.epoch ? { ...answer, record: { ...record, epoch: floor } } : answer;
}
