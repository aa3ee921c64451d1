import { type ChangeFeed, RecentChanges } from "../changes/index.ts";
import type { KeyReply } from "../key-protocol/index.ts";

export interface RememberedReply {
  readonly text: KeyReply;
  /** On what it depends: the account and the domain, as the feed names them. */
  readonly owner: string | null;
  readonly domain: string;
  /** {@link ReplyCache.asOf} when what it says was read. */
  readonly asOf: number;
  readonly expiresMs: number;
}

interface Entry {
  readonly text: KeyReply;
  readonly owner: string | null;
  readonly domain: string;
  readonly expiresMs: number;
  asOf: number;
  /** Asked for since eviction last came by. */
  wanted: boolean;
}

/** A map doubles in one go, and that must take no noticeable time: so there are many small ones. */
const SHARDS = 64;

/**
 * Replies by the request line they answer. Each goes by itself: when it is too old, when its account or domain changes,
 * or, with the cache full, when nobody has asked for it lately (the SIEVE rule: a hand goes round, spares once what was
 * wanted since it last came, and takes the next). Nothing is ever searched or moved at a hit.
 */
export class ReplyCache {
  readonly #changes: RecentChanges;
  readonly #max: number;
  readonly #shards = Array.from({ length: SHARDS }, () => new Shard());
  #size = 0;

  /** @param max how many replies are held; one takes about 0.7 KiB where statements are signed */
  constructor(feed: ChangeFeed, max: number) {
    this.#changes = new RecentChanges(feed);
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  /** The state of the directory, to be taken before it is read and kept with the reply. */
  get asOf(): number {
    return this.#changes.count;
  }

  recall(line: string, nowMs: number): KeyReply | undefined {
    const shard = this.#shardOf(line);
    const entry = shard.entries.get(line);
    if (entry === undefined) return undefined;
    const { count } = this.#changes;
    if (nowMs >= entry.expiresMs || (entry.asOf !== count && !this.#stillTrue(entry))) {
      shard.entries.delete(line);
      this.#size--;
      return undefined;
    }
    entry.asOf = count;
    entry.wanted = true;
    return entry.text;
  }

  keep(line: string, { text, owner, domain, asOf, expiresMs }: RememberedReply): void {
    const shard = this.#shardOf(line);
    if (!shard.entries.has(line)) {
      if (this.#size >= this.#max && shard.evict()) this.#size--;
      this.#size++;
    }
    const entry: Entry = { text: flat(text), owner, domain, expiresMs, asOf, wanted: false };
    shard.entries.set(flat(line), entry);
  }

  #stillTrue({ owner, domain, asOf }: Entry): boolean {
    return this.#changes.unchanged(domain, asOf) && (owner === null || this.#changes.unchanged(owner, asOf));
  }

  /** By two digits near the end of the key id, which are random. */
  #shardOf(line: string): Shard {
    const { length } = line;
    const digits = length < 4 ? 0 : line.charCodeAt(length - 3) * 41 + line.charCodeAt(length - 4);
    return this.#shards[digits % SHARDS] as Shard;
  }
}

class Shard {
  readonly entries = new Map<string, Entry>();
  /** The hand: an iterator over a Map goes on behind what it has passed, whatever is added or deleted. */
  #hand = this.entries.entries();

  /** Takes one entry out, if there is any. */
  evict(): boolean {
    while (this.entries.size > 0) {
      const next = this.#hand.next();
      if (next.done) {
        this.#hand = this.entries.entries();
        continue;
      }
      const [line, entry] = next.value;
      if (!entry.wanted) return this.entries.delete(line);
      entry.wanted = false;
    }
    return false;
  }
}

/**
 * A copy in one piece: a line is a slice of all that was read with it, which would be kept with it, and a reply a tree
 * of its parts.
 */
function flat(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
