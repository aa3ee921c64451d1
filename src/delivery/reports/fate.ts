import type { LeasedMessage, QueuedRecipient } from "../../queue/index.ts";
import { describe, ownResult, type RecipientResult } from "../result.ts";

/** Why a recipient will never get the message. */
export type Ending =
  /** For what its result says. */
  | "refused"
  /** For its age; the result is that of the last attempt. */
  | "given-up"
  /** The operator of this host returned it. */
  | "operator"
  /** So did he, and the account that sent it was suspended or removed, or its key revoked. */
  | "account";

/** What has become of one recipient. */
export interface Fate {
  readonly recipient: QueuedRecipient;
  /** Null: it was delivered, or is tried again. */
  readonly ending: Ending | null;
  /** What the last attempt came to. */
  readonly result: RecipientResult;
}

/** @param returned as what a message ends that the operator wants returned */
export function fatesOf(
  message: LeasedMessage,
  results: readonly RecipientResult[],
  now: number,
  returned: "operator" | "account",
): Fate[] {
  const tooOld = message.purpose === "expired" || now >= message.expiresAt;
  const recipients = new Map(message.recipients.map((recipient) => [recipient.index, recipient]));
  return results.flatMap((result) => {
    const recipient = recipients.get(result.index);
    if (recipient === undefined) return [];
    const ending = message.purpose === "bounce" ? returned : endingOf(result, tooOld);
    return [{ recipient, ending, result }];
  });
}

function endingOf({ kind }: RecipientResult, tooOld: boolean): Ending | null {
  if (kind === "failed") return "refused";
  return kind === "deferred" && tooOld ? "given-up" : null;
}

/** What the queue keeps. */
export function finalResult({ ending, result }: Fate): RecipientResult {
  const { index, address } = result;
  switch (ending) {
    case "given-up":
      return { ...ownResult("5.4.7", `given up; the last attempt: ${describe(result)}`), index, address };
    case "operator":
      return { ...ownResult("5.7.1", "returned by the operator"), index, address };
    case "account":
      return {
        ...ownResult("5.7.13", "returned by the operator; its key is not good any more"),
        index,
        address,
      };
    default:
      return result;
  }
}

/** What the queue keeps as long as the sender cannot be told. */
export function untoldResult({ ending, result }: Fate): RecipientResult {
  return ending === null ? result : { ...result, kind: "deferred" };
}
