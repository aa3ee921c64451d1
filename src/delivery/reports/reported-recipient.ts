import type { Notify } from "../../queue/index.ts";
import type { Fate } from "./fate.ts";

/** RFC 3464 §2.3.3; nothing is expanded here. */
export type Action = "failed" | "delayed" | "delivered" | "relayed";

/** One recipient in a report. */
export interface ReportedRecipient extends Fate {
  readonly action: Action;
}

/** Of whom the sender wants to hear (RFC 3461 §4.1, §5.2). @param delayed it is time to tell of delays */
export function reportedRecipients(fates: readonly Fate[], delayed: boolean): ReportedRecipient[] {
  return fates.flatMap((fate) => {
    const action = actionOf(fate, delayed);
    return action === null ? [] : [{ ...fate, action }];
  });
}

function actionOf({ recipient: { notify }, ending, result }: Fate, delayed: boolean): Action | null {
  if (ending !== null) return wants(notify, "failure") ? "failed" : null;
  if (result.kind !== "delivered") return delayed && wants(notify, "delay") ? "delayed" : null;
  // A server that took NOTIFY over reports by itself.
  if (result.onward === "dsn" || !wants(notify, "success")) return null;
  return result.onward === "mailbox" ? "delivered" : "relayed";
}

/** Without NOTIFY it is failures and delays. */
function wants(notify: readonly Notify[] | null, event: Notify): boolean {
  return notify === null ? event !== "success" : notify.includes(event);
}
