/** Lets one in at a time, in the order of asking. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** @returns what ends the turn; null when it did not come in time */
  async take(deadlineMs: number): Promise<(() => void) | null> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = before.then(() => promise);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((tooLate) => {
      timer = setTimeout(() => tooLate(true), deadlineMs);
    });
    const isLate = await Promise.race([before.then(() => false), late]);
    clearTimeout(timer);
    if (!isLate) return resolve;
    resolve();
    return null;
  }
}
