import type { MailLogBatch } from "../../mail-log/index.ts";
import { insertRows, type Program } from "../sql/program.ts";
import type { Share } from "./parts.ts";
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

export function* add(
  { received = [], submitted = [], copied = [], delivered = [] }: MailLogBatch,
  share: Share,
): Program<void> {
  const terms: TermRow[] = [];
  for (const entry of received) addTerms(terms, share, entry.id, termsOfReceived(entry));
  for (const entry of submitted) addTerms(terms, share, entry.id, termsOfSubmitted(entry));
  // In the order of the index, so that neighbours are written to one page after another.
  terms.sort(([part, term], [otherPart, otherTerm]) => part - otherPart || term - otherTerm);
  const parts = new Set(terms.map(([part]) => part));
  share.count(received.length + submitted.length);
  yield* insertRows(INSERT_RECEIVED, received.map(receivedRow), UNLESS_THERE);
  yield* insertRows(INSERT_SUBMITTED, submitted.map(submittedRow), UNLESS_THERE);
  yield* insertRows("INSERT INTO log_term (part, term, id)", terms, UNLESS_THERE);
  yield* insertRows(
    "INSERT INTO log_part (part)",
    Array.from(parts, (part) => [part]),
    UNLESS_THERE,
  );
  const copies = copied.flatMap(({ id, copies: some }) => some.map((copy) => [copy, id]));
  yield* insertRows("INSERT INTO log_copy (copy, message)", copies, UNLESS_THERE);
  yield* insertRows(INSERT_DELIVERED, delivered.map(deliveredRow), UNLESS_THERE);
}

type TermRow = [part: number, term: number, id: string];

function addTerms(rows: TermRow[], share: Share, id: string, terms: ReadonlySet<number>): void {
  const part = share.of(id);
  for (const term of terms) rows.push([part, term, id]);
}
