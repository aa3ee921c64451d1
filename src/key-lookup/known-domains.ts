import { LRUCache } from "lru-cache";

/** A domain whose keys were found. */
export interface KnownDomain {
  readonly domain: string;
  /** Unix seconds. */
  readonly since: number;
}

/** Where known domains outlive the process. */
export interface KnownDomainsFile {
  read(): readonly KnownDomain[];
  /** Soon writes what `domains` then gives. */
  write(domains: () => Iterable<KnownDomain>): void;
}

const STRANGER_S = 7 * 86_400;

/**
 * Since when domains have keys that were found here: those known for less than a week are strangers (CCH-8). However
 * many strangers come, they push each other out, never those that are none.
 */
export class KnownDomains {
  readonly #strangers: LRUCache<string, number>;
  readonly #others: LRUCache<string, number>;
  readonly #file: KnownDomainsFile | null;

  /** @param maxDomains of either kind */
  constructor(file: KnownDomainsFile | null = null, maxDomains = 50_000) {
    this.#strangers = new LRUCache({ max: maxDomains });
    this.#others = new LRUCache({ max: maxDomains });
    this.#file = file;
    // Strangers stand first in the file: where there is no place for all, they go.
    for (const { domain, since } of file?.read() ?? []) this.#others.set(domain, since);
  }

  /** Notes that a key of the domain was found. @param now Unix seconds */
  found(domain: string, now: number): void {
    if (this.#others.get(domain) !== undefined) return;
    const since = this.#strangers.get(domain);
    if (since !== undefined && now - since >= STRANGER_S) {
      this.#strangers.delete(domain);
      this.#others.set(domain, since);
    }
    if (since !== undefined) return;
    this.#strangers.set(domain, now);
    this.#file?.write(() => this.#all());
  }

  isStranger(domain: string, now: number): boolean {
    const since = this.#others.get(domain) ?? this.#strangers.get(domain) ?? now;
    return now - since < STRANGER_S;
  }

  /** Strangers first and the least used before others, so that a new process has them in the same order. */
  #all(): KnownDomain[] {
    return [this.#strangers, this.#others].flatMap((some) =>
      [...some.entries()].reverse().map(([domain, since]) => ({ domain, since })),
    );
  }
}

/** Is this, from a file, what was kept? */
export function isKnownDomain(value: unknown): value is KnownDomain {
  const { domain, since } = (value ?? {}) as Partial<KnownDomain>;
  return typeof domain === "string" && Number.isSafeInteger(since);
}
