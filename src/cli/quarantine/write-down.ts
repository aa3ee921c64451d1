import type { Config } from "../../config/index.ts";
import { type DeliveredEntry, MailLogStoreError } from "../../mail-log/index.ts";
import type { ListedMessage } from "../../queue/index.ts";
import { mailLogLocation, openMailLogStore } from "../../store/index.ts";
import { actorName } from "../configuration.ts";

/** Tells the mail log who let messages go, or deleted them. They are: that the log is away keeps nobody from it. */
export async function writeDown(
  { log, store }: Config,
  messages: readonly ListedMessage[],
  outcome: Extract<DeliveredEntry["outcome"], "released" | "removed">,
): Promise<void> {
  if (!log.enabled) return;
  const detail = `${outcome} from quarantine by ${actorName()}`;
  const delivered = messages.flatMap(({ id, recipients }) =>
    recipients.map(({ address: recipient }) => ({ id, at: Date.now(), recipient, outcome, detail })),
  );
  try {
    const opened = await openMailLogStore(await mailLogLocation(store.log));
    try {
      await opened.add({ received: [], delivered });
    } finally {
      await opened.close();
    }
  } catch (error) {
    if (!(error instanceof MailLogStoreError)) throw error;
    process.stderr.write(`vsmtp: the mail log does not have it: ${error.message}\n`);
  }
}
