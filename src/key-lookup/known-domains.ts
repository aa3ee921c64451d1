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

const MAX_DOMAINS = 100_000;
const STRANGER_S = 7 * 86_400;

/** Since when domains have keys that were found here: those known for less than a week are strangers (CCH-8). */
export class KnownDomains {
  readonly #since = new LRUCache<string, number>({ max: MAX_DOMAINS });
  readonly #file: KnownDomainsFile | null;

  constructor(file: KnownDomainsFile | null = null) {
    this.#file = file;
    for (const { domain, since } of file?.read() ?? []) this.#since.set(domain, since);
  }

  /** Notes that a key of the domain was found. @param now Unix seconds */
  found(domain: string, now: number): void {
    if (this.#since.get(domain) !== undefined) return;
    this.#since.set(domain, now);
    this.#file?.write(() =>
      [...this.#since.entries()].reverse().map(([name, since]) => ({ domain: name, since })),
    );
  }

  isStranger(domain: string, now: number): boolean {
    return now - (this.#since.get(domain) ?? now) < STRANGER_S;
  }
}

/** Is this, from a file, what was kept? */
export function isKnownDomain(value: unknown): value is KnownDomain {
  const { domain, since } = (value ?? {}) as Partial<KnownDomain>;
  return typeof domain === "string" && Number.isSafeInteger(since);
}
