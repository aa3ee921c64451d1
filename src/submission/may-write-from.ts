import { parseAddress } from "../message/index.ts";
import { type Login, noUse } from "../signing/index.ts";
import { type Mailbox, type Reply, reply } from "../smtp/index.ts";

/** A refusal, and what failed on our side; null where the user is at fault. */
export interface NotFrom {
  readonly reply: Reply;
  readonly cause: unknown;
}

/**
 * The reverse path gets the reports: it has to be the account's own, granted to it, or empty.
 *
 * @param reversePath null for `<>`
 * @returns null: the user may
 */
export async function mayWriteFrom(login: Login, reversePath: Mailbox | null): Promise<NotFrom | null> {
  const parsed = reversePath === null ? null : parseAddress(reversePath.text);
  // Asked in any case: whoever is suspended shall hear it before the message is sent.
  const answer = await login.identify(parsed?.ok ? parsed.address : login.primary);
  switch (answer.kind) {
    case "granted":
      return parsed === null || parsed.ok ? null : notYours(reversePath);
    case "not-granted":
      return reversePath === null ? null : notYours(reversePath);
    case "unavailable": {
      const text = "The sender address cannot be checked now; try again later";
      return { reply: reply(451, "4.4.3", text), cause: answer.cause };
    }
    default:
      return { reply: noUse(answer), cause: null };
  }
}

function notYours(reversePath: Mailbox | null): NotFrom {
  const text = `<${reversePath?.text ?? ""}> is neither your address nor granted to you`;
  return { reply: reply(550, "5.7.1", text), cause: null };
}
