import type { Happening, Observer } from "./observer.ts";

const PATIENCE_MS = 20_000;

/** Everything that happens from now until it is closed. */
export class Recording {
  readonly happenings: Happening[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #signal: AbortSignal;
  readonly #unsubscribe: () => void;

  /** @param signal ends all waiting */
  constructor(observer: Observer, signal: AbortSignal) {
    this.#signal = signal;
    this.#unsubscribe = observer.subscribe((happening) => {
      this.happenings.push(happening);
      for (const look of this.#waiting) look();
    });
  }

  close(): void {
    this.#unsubscribe();
  }

  /**
   * Waits until something has happened.
   *
   * @param what for the error when it does not happen in time
   */
  until<T>(what: string, find: (happenings: readonly Happening[]) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#waiting.delete(look);
        this.#signal.removeEventListener("abort", aborted);
        clearTimeout(timer);
      };
      const look = (): void => {
        const found = find(this.happenings);
        if (found === undefined) return;
        end();
        resolve(found);
      };
      const aborted = (): void => {
        end();
        reject(this.#signal.reason);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`waited ${PATIENCE_MS / 1000} s in vain for ${what}`));
      }, PATIENCE_MS);
      if (this.#signal.aborted) return aborted();
      this.#signal.addEventListener("abort", aborted);
      this.#waiting.add(look);
      look();
    });
  }
}
