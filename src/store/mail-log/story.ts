import type { LoggedMessage, MailStory } from "../../mail-log/index.ts";
import { text } from "../sql/columns.ts";
import { allIn, first, type Program } from "../sql/program.ts";
import { firstPartOf, partAfter } from "./parts.ts";
import { deliveredOf, receivedOf, submittedOf } from "./rows.ts";
import { termOf } from "./terms.ts";

/** All that is known of a message, by its id or a copy's. */
export function* story(id: string): Program<MailStory | null> {
  const copied = yield* first("SELECT message FROM log_copy WHERE copy = ?", id);
  const whole = copied === null ? id : text(copied, "message");
  const message = yield* messageOf(whole);
  const ids = message?.direction === "out" ? [whole, ...message.copies] : [whole];
  const further = yield* allIn("SELECT copy FROM log_copy WHERE message IN (*)", ids);
  const all = new Set([...ids, ...further.map((row) => text(row, "copy"))]);
  const rows = yield* allIn("SELECT * FROM log_delivered WHERE message IN (*)", [...all]);
  if (message === null && rows.length === 0) return null;
  const deliveries = rows.map(deliveredOf).sort((one, other) => one.at - other.at);
  return { message, deliveries };
}

function* messageOf(id: string): Program<LoggedMessage | null> {
  const received = yield* first("SELECT * FROM log_received WHERE id = ?", id);
  if (received !== null) return receivedOf(received);
  const submitted = yield* first("SELECT * FROM log_submitted WHERE id = ?", yield* firstCopyOf(id));
  return submitted === null ? null : submittedOf(submitted);
}

/** The id that a copy's submission has; its own where it is the first, or unknown. Copies are of one moment. */
function* firstCopyOf(id: string): Program<string> {
  const part = firstPartOf(id);
  const row = yield* first(
    `SELECT log_submitted.id FROM log_term JOIN log_submitted ON log_submitted.id = log_term.id
     WHERE part IN (SELECT part FROM log_part WHERE part >= ? AND part < ?) AND term = ?`,
    part,
    partAfter(part),
    termOf(id),
  );
  return row === null ? id : text(row, "id");
}
