import type { MailLogBatch } from "../../mail-log/index.ts";
import { insertRows, type Program, type SqlValue } from "../sql/program.ts";
import { bucketOf } from "./buckets.ts";
import {
  deliveredRow,
  INSERT_DELIVERED,
  INSERT_RECEIVED,
  INSERT_SUBMITTED,
  receivedRow,
  submittedRow,
} from "./rows.ts";
import { termsOfReceived, termsOfSubmitted } from "./terms.ts";

/** A batch whose commit was in doubt is written again: what is there already stays. */
const UNLESS_THERE = "ON CONFLICT DO NOTHING";

export function* add({ received = [], submitted = [], delivered = [] }: MailLogBatch): Program<void> {
  const terms = [
    ...received.flatMap((entry) => termRows(entry.id, termsOfReceived(entry))),
    ...submitted.flatMap((entry) => termRows(entry.id, termsOfSubmitted(entry))),
  ];
  yield* insertRows(INSERT_RECEIVED, received.map(receivedRow), UNLESS_THERE);
  yield* insertRows(INSERT_SUBMITTED, submitted.map(submittedRow), UNLESS_THERE);
  yield* insertRows("INSERT INTO log_term (bucket, term, id)", terms, UNLESS_THERE);
  yield* insertRows(INSERT_DELIVERED, delivered.map(deliveredRow), UNLESS_THERE);
}

function termRows(id: string, terms: ReadonlySet<number>): SqlValue[][] {
  const bucket = bucketOf(id);
  return Array.from(terms, (term) => [bucket, term, id]);
}
