import type { Config } from "../config/index.ts";
import { type DeliveredEntry, MailLogStoreError } from "../mail-log/index.ts";
import type { ListedMessage } from "../queue/index.ts";
import { actorName } from "./configuration.ts";
import { hasMailLog, openMailLog } from "./mail-log-store.ts";

/**
 * Tells the mail log who let messages go, or deleted them. They are: that the log is away keeps nobody from it.
 *
 * @param where.from where they were
 * @param where.at when the order was given, Unix milliseconds
 */
export async function writeDown(
  config: Config,
  messages: readonly ListedMessage[],
  outcome: Extract<DeliveredEntry["outcome"], "released" | "removed">,
  where: { readonly from: string; readonly at: number },
): Promise<void> {
  // A log that was never written is not begun here: its file would be this user's, not the server's.
  if (!config.log.enabled || !hasMailLog(config)) return;
  const { from, at } = where;
  const detail = `from ${from}, by ${actorName()}`;
  const delivered = messages.flatMap(({ id, recipients }) =>
    recipients
      .filter(({ state }) => state === "pending" || state === "deferred")
      .map(({ address: recipient }) => ({ id, at, recipient, outcome, detail })),
  );
  try {
    await using opened = await openMailLog(config);
    await opened.log.add({ delivered });
  } catch (error) {
    if (!(error instanceof MailLogStoreError)) throw error;
    process.stderr.write(`vsmtp: the mail log does not have it: ${error.message}\n`);
  }
}
