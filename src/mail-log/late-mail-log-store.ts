import {
  type AggregateRow,
  type LoggedMessage,
  type MailLogBatch,
  type MailLogFilter,
  type MailLogStore,
  MailLogStoreError,
  type MailStory,
} from "./mail-log-store.ts";

/**
 * A store that is opened when it is first asked for, and again after that failed: mail does not wait for the database of
 * its log.
 */
export class LateMailLogStore implements MailLogStore {
  readonly #open: () => Promise<MailLogStore>;
  #opened: Promise<MailLogStore> | null = null;
  #closed = false;

  /** @param open its failures are passed on to whoever asked */
  constructor(open: () => Promise<MailLogStore>) {
    this.#open = open;
  }

  /** Resolves when it can be used; rejects with what `open` failed with. */
  async opened(): Promise<MailLogStore> {
    if (this.#closed) throw new MailLogStoreError("broken", "it is closed");
    this.#opened ??= this.#open();
    try {
      return await this.#opened;
    } catch (error) {
      this.#opened = null;
      throw error;
    }
  }

  async add(batch: MailLogBatch): Promise<void> {
    return (await this.opened()).add(batch);
  }

  async search(filter: MailLogFilter, limit: number, before?: string): Promise<readonly LoggedMessage[]> {
    return (await this.opened()).search(filter, limit, before);
  }

  async story(id: string): Promise<MailStory | null> {
    return (await this.opened()).story(id);
  }

  async *aggregate(
    begin: number,
    end: number,
    unreported?: ReadonlySet<string>,
  ): AsyncGenerator<AggregateRow, void, undefined> {
    yield* (await this.opened()).aggregate(begin, end, unreported);
  }

  async claimDay(task: string, day: string): Promise<boolean> {
    return (await this.opened()).claimDay(task, day);
  }

  async forget(before: number, limit: number): Promise<boolean> {
    return (await this.opened()).forget(before, limit);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const store = await this.#opened?.catch(() => null);
    await store?.close();
  }
}
