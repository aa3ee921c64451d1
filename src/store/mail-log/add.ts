import type { MailLogBatch, ReceivedEntry } from "../../mail-log/index.ts";
import { insertRows, type Program, type SqlValue } from "../sql/program.ts";
import { bucketOf } from "./buckets.ts";
import { deliveredRow, INSERT_DELIVERED, INSERT_RECEIVED, receivedRow } from "./rows.ts";
import { termsOf } from "./terms.ts";

/** A batch whose commit was in doubt is written again: what is there already stays. */
const UNLESS_THERE = "ON CONFLICT DO NOTHING";

export function* add({ received, delivered }: MailLogBatch): Program<void> {
  yield* insertRows(INSERT_RECEIVED, received.map(receivedRow), UNLESS_THERE);
  yield* insertRows("INSERT INTO log_term (bucket, term, id)", received.flatMap(termRows), UNLESS_THERE);
  yield* insertRows(INSERT_DELIVERED, delivered.map(deliveredRow), UNLESS_THERE);
}

function termRows(entry: ReceivedEntry): SqlValue[][] {
  const bucket = bucketOf(entry.id);
  return Array.from(termsOf(entry), (term) => [bucket, term, entry.id]);
}
