import { LRUCache } from "lru-cache";

/** Keeps answers for a time that each brings along, on a clock that is passed in. */
export class RememberedAnswers<V extends object> {
  readonly #entries: LRUCache<string, { readonly value: V; readonly untilMs: number }>;
  readonly #nowMs: () => number;

  constructor(max: number, nowMs: () => number) {
    this.#entries = new LRUCache({ max });
    this.#nowMs = nowMs;
  }

  recall(key: string): V | null {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.untilMs > this.#nowMs() ? entry.value : null;
  }

  keep(key: string, value: V, seconds: number): void {
    this.#entries.set(key, { value, untilMs: this.#nowMs() + seconds * 1000 });
  }

  /** For how much longer; 0 when it is not remembered. */
  secondsLeft(key: string): number {
    const untilMs = this.#entries.peek(key)?.untilMs ?? 0;
    return Math.max(0, Math.ceil((untilMs - this.#nowMs()) / 1000));
  }

  drop(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
