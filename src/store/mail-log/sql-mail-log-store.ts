import type {
  AggregateRow,
  LoggedMessage,
  MailLogBatch,
  MailLogFilter,
  MailLogStore,
  MailStory,
} from "../../mail-log/index.ts";
import { type Program, run } from "../sql/program.ts";
import { add } from "./add.ts";
import { aggregate } from "./aggregate.ts";
import { forget } from "./forget.ts";
import type { LogDriver } from "./log-driver.ts";
import { Share } from "./parts.ts";
import { search } from "./search.ts";
import { story } from "./story.ts";

/** The mail log's store on whatever database the driver speaks to. */
export class SqlMailLogStore implements MailLogStore {
  readonly #driver: LogDriver;
  readonly #share = new Share();

  constructor(driver: LogDriver) {
    this.#driver = driver;
  }

  add(batch: MailLogBatch): Promise<void> {
    return this.#driver.change(add(batch, this.#share), { synced: false, grows: true });
  }

  search(filter: MailLogFilter, limit: number, before?: string): Promise<readonly LoggedMessage[]> {
    return this.#driver.read(search(filter, limit, before ?? null));
  }

  story(id: string): Promise<MailStory | null> {
    return this.#driver.read(story(id));
  }

  aggregate(
    begin: number,
    end: number,
    unreported: ReadonlySet<string> = new Set(),
  ): AsyncIterable<AggregateRow> {
    return aggregate(this.#driver, begin, end, unreported);
  }

  claimDay(task: string, day: string): Promise<boolean> {
    return this.#driver.change(claim(task, day), { synced: true, grows: false });
  }

  forget(before: number, limit: number): Promise<boolean> {
    return this.#driver.change(forget(before, limit, this.#driver.locks), { synced: false, grows: false });
  }

  close(): Promise<void> {
    return this.#driver.close();
  }
}

function* claim(task: string, day: string): Program<boolean> {
  return (
    (yield* run("INSERT INTO log_claim (task, day) VALUES (?, ?) ON CONFLICT DO NOTHING", task, day)) === 1
  );
}
