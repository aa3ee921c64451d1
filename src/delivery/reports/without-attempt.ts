import type { LeasedMessage } from "../../queue/index.ts";
import { parseResult } from "../parse-result.ts";
import { ownResult, type RecipientResult, type Result } from "../result.ts";

/**
 * What is known of a message that is not tried now, since its destination rests or the operator wants it returned: for
 * each recipient what the last attempt came to, else what its destination fails with.
 */
export function resultsWithoutAttempt(message: LeasedMessage): RecipientResult[] {
  return message.recipients.map(({ index, address, detail }) => {
    const last = lastResult(detail ?? message.destinationFailure);
    return { ...last, kind: "deferred", index, address };
  });
}

function lastResult(text: string | null): Result {
  if (text === null) return ownResult("4.4.7", "there was no attempt yet");
  return parseResult(text) ?? ownResult("4.0.0", text);
}
