// Why messages are in quarantine: a row for each message in that state.
import type { QuarantineNote, StoredMessage } from "../../queue/index.ts";
import { integer, text } from "../sql/columns.ts";
import { allIn, insertRows, type Program, type Row, runIn } from "../sql/program.ts";
import { storable } from "./rows.ts";

/** Headers hold longer ones; people read no further. */
const MOST_CHARACTERS = 500;
const MOST_AUTHORS = 20;

export function* insertNotes(messages: readonly StoredMessage[]): Program<void> {
  const rows = messages.flatMap(({ id, quarantine: note }) =>
    note == null
      ? []
      : [
          [
            id,
            note.until,
            note.result,
            note.reason,
            cut(note.identity),
            note.kid,
            cut(note.from),
            joined(note.authors),
            cut(note.subject),
            cut(note.messageId),
            note.client,
            note.decidedBy,
            cut(note.because),
          ],
        ],
  );
  yield* insertRows(
    `INSERT INTO quarantine (message, until, result, reason, identity, kid, from_text, authors, subject, message_id,
       client, decided_by, because)`,
    rows,
  );
}

/** Of rows of message, those that are in quarantine. */
export function* notesOf(rows: readonly Row[]): Program<ReadonlyMap<string, QuarantineNote>> {
  const notes = yield* allIn("SELECT * FROM quarantine WHERE message IN (*)", quarantined(rows));
  return new Map(notes.map((row) => [text(row, "message"), noteOf(row)]));
}

export function* deleteNotes(gone: readonly Row[]): Program<void> {
  yield* runIn("DELETE FROM quarantine WHERE message IN (*)", quarantined(gone));
}

function quarantined(rows: readonly Row[]): string[] {
  return rows.flatMap((row) => (row.state === "quarantined" ? [text(row, "id")] : []));
}

function noteOf(row: Row): QuarantineNote {
  return {
    until: integer(row, "until"),
    result: text(row, "result"),
    reason: row.reason as string | null,
    identity: row.identity as string | null,
    kid: row.kid as string | null,
    from: text(row, "from_text"),
    authors: text(row, "authors")
      .split("\n")
      .filter((author) => author !== ""),
    subject: text(row, "subject"),
    messageId: row.message_id as string | null,
    client: text(row, "client"),
    decidedBy: text(row, "decided_by"),
    because: row.because as string | null,
  };
}

function cut<Text extends string | null>(forPeople: Text): Text {
  return (forPeople === null ? null : storable(forPeople.slice(0, MOST_CHARACTERS))) as Text;
}

function joined(authors: readonly string[]): string {
  return storable(`\n${authors.slice(0, MOST_AUTHORS).join("\n")}\n`);
}
