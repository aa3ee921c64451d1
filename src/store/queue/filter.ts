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
  const parts: Condition[] = [{ sql: "1 = 1", values: [] }];
  const add = (sql: string, ...values: readonly SqlValue[]) => parts.push({ sql, values });
  const { sender, recipient, destination, account, state, before } = filter;
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
  } else if (state !== undefined) add("state = ?", state);
  return { sql: parts.map((part) => part.sql).join(" AND "), values: parts.flatMap(({ values }) => values) };
}

function addressCondition(column: "sender" | "address", wanted: string): Condition {
  if (wanted === "<>") return { sql: `${column} = ''`, values: [] };
  const lower = wanted.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  if (!lower.startsWith("@")) return { sql: `lower(${column}) = ?`, values: [lower] };
  return {
    sql: `lower(${column}) LIKE ? ESCAPE '!'`,
    values: [`%${lower.replace(/[!%_]/g, (sign) => `!${sign}`)}`],
  };
}

/** The ids of a filter in order, from after `after`. */
export function idsInOrder(ids: readonly string[], after = ""): readonly string[] {
  return [...new Set(ids)].filter((id) => id > after).sort(byOctets);
}
