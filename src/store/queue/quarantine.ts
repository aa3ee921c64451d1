import { type ExpiredMessage, releaseField } from "../../queue/index.ts";
import { integer, text } from "../sql/columns.ts";
import type { RowLocks } from "../sql/dialect.ts";
import { all, allIn, first, type Program, type Row, run, runIn } from "../sql/program.ts";
import { deleteMessages, type Ended, lockMessages } from "./messages.ts";
import { deleteNotes, notesOf } from "./quarantine-notes.ts";

/**
 * They are queued as if they came now, and tell on top where they were. Of what becomes of them nobody outside hears:
 * that somebody here wants them proves no sender (ACT-2).
 *
 * @param rows held by this transaction
 */
export function* releaseQuarantined(rows: readonly Row[], now: number): Program<void> {
  const notes = yield* notesOf(rows);
  for (const [id, note] of notes) {
    const keptSince = yield* first("SELECT enqueued_at FROM message WHERE id = ?", id);
    const field = releaseField(note, keptSince === null ? now : integer(keptSince, "enqueued_at"), now);
    yield* prepend(id, field);
    yield* run(
      `UPDATE message SET size = size + ?, expires_at = expires_at + ? - enqueued_at,
         wake_at = wake_at + ? - enqueued_at, enqueued_at = ? WHERE id = ?`,
      field.length,
      now,
      now,
      now,
      id,
    );
  }
  yield* runIn("UPDATE recipient SET notify = 'never' WHERE message IN (*)", [...notes.keys()]);
  yield* deleteNotes(rows);
}

/** Before a message's own octets; what it shares with others stays. */
function* prepend(id: string, octets: Uint8Array): Program<void> {
  const own = yield* first("SELECT octets FROM content WHERE id = ?", id);
  if (own === null) {
    yield* run(
      "INSERT INTO content (id, holders, file, rest_octets, octets) VALUES (?, 1, NULL, 0, ?)",
      id,
      octets,
    );
  } else {
    const joined = Buffer.concat([octets, own.octets as Uint8Array]);
    yield* run("UPDATE content SET octets = ? WHERE id = ?", joined, id);
  }
}

export function* quarantinedOctets(): Program<number> {
  const row = yield* first(
    "SELECT CAST(coalesce(sum(size), 0) AS BIGINT) AS octets FROM message WHERE state = 'quarantined'",
  );
  return row === null ? 0 : integer(row, "octets");
}

/** Those whose time is over go. */
export function* expireQuarantined(
  now: number,
  limit: number,
  locks: RowLocks,
): Program<Ended<readonly ExpiredMessage[]>> {
  const past = yield* all(
    "SELECT message FROM quarantine WHERE until <= ? ORDER BY until LIMIT ?",
    now,
    limit,
  );
  const rows = yield* lockMessages(
    past.map((row) => text(row, "message")),
    locks,
  );
  // Others may have released some meanwhile.
  const gone = rows.filter(({ state }) => state === "quarantined");
  const ids = gone.map((row) => text(row, "id"));
  const recipients = yield* allIn(
    "SELECT message, address FROM recipient WHERE message IN (*) ORDER BY message, position",
    ids,
  );
  const byMessage = Map.groupBy(recipients, ({ message }) => message);
  const files = yield* deleteMessages(gone);
  const outcome = ids.map((id) => ({
    id,
    recipients: (byMessage.get(id) ?? []).map((row) => text(row, "address")),
  }));
  return { outcome, files };
}
