import { join } from "node:path";
import type { Config } from "../config/index.ts";
import { Spool } from "../spool/index.ts";
import type { Log } from "./log.ts";

/** No message takes as long: what is older was left behind by a process that died. */
const LEFT_BEHIND_MS = 2 * 3_600_000;
const EVERY_MS = 3_600_000;

export interface PassingSpool {
  readonly spool: Spool;
  close(): Promise<void>;
}

/**
 * The spool of roles that queue nothing (milter, proxy): nobody was promised what is in it, so nothing of it is synced. It is
 * a folder of its own, for whoever sweeps it does not know what a queue still needs.
 */
export async function openPassingSpool({ store }: Pick<Config, "store">, log: Log): Promise<PassingSpool> {
  const spool = await Spool.open(join(store.spool, "passing"), { durable: false });
  let sweeping: Promise<void> = Promise.resolve();
  const sweep = (): void => {
    sweeping = spool
      .sweep(async () => new Set(), LEFT_BEHIND_MS)
      .then(
        (removed) => removed > 0 && log.info({ removed }, "files that a process left behind are removed"),
        (err) => log.warn({ err }, "the spool cannot be swept now"),
      )
      .then(() => {});
  };
  sweep();
  const timer = setInterval(sweep, EVERY_MS).unref();
  return {
    spool,
    close: async () => {
      clearInterval(timer);
      await sweeping;
    },
  };
}
