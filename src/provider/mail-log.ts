import { type Config, usesMailLog } from "../config/index.ts";
import {
  beginForgetting,
  LateMailLogStore,
  type MailLog,
  type MailLogStore,
  MailLogStoreError,
  MailLogWriter,
} from "../mail-log/index.ts";
import { mailLogLocation, openMailLogStore } from "../store/index.ts";
import type { Log } from "./log.ts";

/** Where is written down what becomes of mail, and where it is read. */
export interface OpenedMailLog {
  /** What is told it is written, where the settings want that. */
  readonly log: MailLog;
  /** It may be away: what it is asked then throws a MailLogStoreError. */
  readonly store: MailLogStore;
  close(): Promise<void>;
}

/**
 * Mail is not held up by its log: where the database is away entries wait, and it is tried again.
 *
 * @throws MailLogStoreError when the settings name no place, StoreMismatchError when another program's or a newer one's is there
 */
export async function openMailLog(
  { store: { log: source }, log: settings, roles }: Config,
  log: Log,
): Promise<OpenedMailLog> {
  const store = new LateMailLogStore(async () => openMailLogStore(await mailLogLocation(source)));
  if (!settings.enabled || !usesMailLog(roles)) return { log: nothing, store, close: () => store.close() };
  await mailLogLocation(source);
  const away = (err: unknown) => log.warn({ err }, "the mail log cannot be written now: entries wait");
  let isAway = false;
  await store.opened().catch((error) => {
    if (!(error instanceof MailLogStoreError)) throw error;
    isAway = true;
    away(error);
  });
  const writer = new MailLogWriter({
    store,
    // Nothing waits for a server's transaction: more at a time are fewer statements.
    ...(source.kind === "file" ? {} : { batchEntries: 256 }),
    onAway: (cause) => {
      if (!isAway) away(cause);
      isAway = true;
    },
    onBack: (lost) => {
      isAway = false;
      if (lost > 0) log.warn({ lost }, "the mail log has gaps: entries were lost");
      else log.info("the mail log is written again");
    },
  });
  const endForgetting = beginForgetting({
    store,
    keepMs: settings.keepMs,
    onFailure: (err) => log.warn({ err }, "old entries of the mail log cannot be removed now"),
  });
  return {
    log: writer,
    store,
    close: async () => {
      await endForgetting();
      await writer.close();
      await store.close();
    },
  };
}

const nothing: MailLog = {
  received: () => {},
  submitted: () => {},
  copied: () => {},
  delivered: () => {},
};
