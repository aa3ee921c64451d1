import type { Config } from "../../config/index.ts";
import { type DeliveredEntry, MailLogStoreError } from "../../mail-log/index.ts";
import type { ListedMessage } from "../../queue/index.ts";
import { actorName } from "../configuration.ts";
import { openMailLog } from "../mail-log-store.ts";

/** Tells the mail log who let messages go, or deleted them. They are: that the log is away keeps nobody from it. */
export async function writeDown(
  config: Config,
  messages: readonly ListedMessage[],
  outcome: Extract<DeliveredEntry["outcome"], "released" | "removed">,
  at: number,
): Promise<void> {
  if (!config.log.enabled) return;
  const detail = `${outcome} from quarantine by ${actorName()}`;
  const delivered = messages.flatMap(({ id, recipients }) =>
    recipients.map(({ address: recipient }) => ({ id, at, recipient, outcome, detail })),
  );
  try {
    await using opened = await openMailLog(config);
    await opened.log.add({ delivered });
  } catch (error) {
    if (!(error instanceof MailLogStoreError)) throw error;
    process.stderr.write(`vsmtp: the mail log does not have it: ${error.message}\n`);
  }
}
