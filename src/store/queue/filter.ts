import type { QueueFilter } from "../../queue/index.ts";
import type { SqlValue } from "../sql/program.ts";
import { byOctets } from "./destinations.ts";

/** A condition on rows of message, with its values. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** All but `ids`, which may be many. */
export function conditionOf(filter: QueueFilter): Condition {
  // As literals: the indices of what is in quarantine, and what is not, know them.
  const parts: Condition[] = [
    { sql: filter.state === "quarantined" ? "state = 'quarantined'" : "state <> 'quarantined'", values: [] },
  ];
  const add = (sql: string, ...values: readonly SqlValue[]) => parts.push({ sql, values });
  const { sender, recipient, destination, account, state, before, author, result, reason } = filter;
  if (sender !== undefined) {
    const { sql, values } = addressCondition("sender", sender);
    add(sql, ...values);
  }
  if (recipient !== undefined) {
    const { sql, values } = addressCondition("address", recipient);
    add(
      `EXISTS (SELECT 1 FROM recipient
         WHERE recipient.message = message.id AND recipient.state IN ('pending', 'deferred') AND ${sql})`,
      ...values,
    );
  }
  if (destination !== undefined) add("destination = ?", destination);
  if (account !== undefined) add("account = ?", account);
  if (before !== undefined) add("enqueued_at < ?", before);
  if (state === "deferred") {
    add(
      `state = 'queued' AND EXISTS (SELECT 1 FROM recipient
         WHERE recipient.message = message.id AND recipient.state = 'deferred')`,
    );
  } else if (state !== undefined && state !== "quarantined") add("state = ?", state);
  const noted: Condition[] = [];
  if (author !== undefined) noted.push(authorCondition(author));
  if (result !== undefined) noted.push({ sql: "result = ?", values: [result] });
  if (reason !== undefined) noted.push({ sql: "reason = ?", values: [reason] });
  for (const { sql, values } of noted)
    add(`EXISTS (SELECT 1 FROM quarantine WHERE quarantine.message = message.id AND ${sql})`, ...values);
  return { sql: parts.map((part) => part.sql).join(" AND "), values: parts.flatMap(({ values }) => values) };
}

function addressCondition(column: "sender" | "address", wanted: string): Condition {
  if (wanted === "<>") return { sql: `${column} = ''`, values: [] };
  const lower = inLowerCase(wanted);
  if (!lower.startsWith("@")) return { sql: `lower(${column}) = ?`, values: [lower] };
  return { sql: `lower(${column}) LIKE ? ESCAPE '!'`, values: [`%${literal(lower)}`] };
}

/** Authors stand between line ends. */
function authorCondition(wanted: string): Condition {
  const text = literal(inLowerCase(wanted));
  const start = wanted.startsWith("@") ? "" : "\n";
  return { sql: "authors LIKE ? ESCAPE '!'", values: [`%${start}${text}\n%`] };
}

function inLowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** What LIKE takes for itself. */
function literal(text: string): string {
  return text.replace(/[!%_]/g, (sign) => `!${sign}`);
}

/** The ids of a filter in order, from after `after`. */
export function idsInOrder(ids: readonly string[], after = ""): readonly string[] {
  return [...new Set(ids)].filter((id) => id > after).sort(byOctets);
}
