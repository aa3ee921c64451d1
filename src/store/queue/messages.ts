import type { StoredMessage } from "../../queue/index.ts";
import type { RowLocks } from "../sql/dialect.ts";
import { allIn, insertRows, type Program, type Row, runIn } from "../sql/program.ts";
import { deleteContents, insertContents, placeContents } from "./contents.ts";
import { byOctets, type DestinationChanges } from "./destinations.ts";
import { deleteNotes, insertNotes } from "./quarantine-notes.ts";
import { FATE, INSERT_MESSAGE, INSERT_RECIPIENT, messageRow, recipientRows } from "./rows.ts";

/** Who gets leases in a transaction, and how long. */
export class LeaseHolders {
  readonly #until = new Map<string, number>();

  holds(owner: string, until: number): void {
    this.#until.set(owner, Math.max(until, this.#until.get(owner) ?? until));
  }

  *write(): Program<void> {
    yield* insertRows(
      "INSERT INTO lease_holder (owner, until)",
      [...this.#until].sort(([a], [b]) => byOctets(a, b)),
      `ON CONFLICT (owner) DO UPDATE SET until = excluded.until WHERE lease_holder.until < excluded.until`,
    );
  }
}

export function* insertMessages(
  messages: readonly StoredMessage[],
  destinations: DestinationChanges,
  holders: LeaseHolders,
): Program<void> {
  if (messages.length === 0) return;
  const placed = placeContents(messages);
  const rows = messages.map((message) => {
    const place = placed.get(message.content);
    const { prefix, content } = message;
    const size = prefix.length + content.inline.length + (content.file?.octets ?? 0);
    return messageRow(message, size, place !== undefined && place.holders > 1 ? place.id : null);
  });
  yield* insertRows(INSERT_MESSAGE, rows);
  yield* insertRows(INSERT_RECIPIENT, messages.flatMap(recipientRows));
  yield* insertContents(messages, placed);
  yield* insertNotes(messages);
  for (const { destination, enqueuedAt, lease, quarantine } of messages) {
    if (quarantine != null) continue;
    if (lease === null) destinations.waits(destination, enqueuedAt);
    else holders.holds(lease.owner, lease.until);
  }
}

/** Rows of {@link FATE}, held in one order in all processes. */
export function* lockMessages(ids: readonly string[], locks: RowLocks): Program<readonly Row[]> {
  const sorted = [...new Set(ids)].sort(byOctets);
  return yield* allIn(`SELECT ${FATE} FROM message WHERE id IN (*) ORDER BY id ${locks.wait}`, sorted);
}

/** What a program came to that ends messages. */
export interface Ended<Outcome = number> {
  /** How many messages it changed, or which. */
  readonly outcome: Outcome;
  /** Files that belong to nothing any more. */
  readonly files: readonly string[];
}

/** @returns the files that belong to nothing any more */
export function* deleteMessages(gone: readonly Row[]): Program<readonly string[]> {
  if (gone.length === 0) return [];
  const ids = gone.map(({ id }) => id as string);
  yield* runIn("DELETE FROM message WHERE id IN (*)", ids);
  yield* runIn("DELETE FROM recipient WHERE message IN (*)", ids);
  yield* deleteNotes(gone);
  return yield* deleteContents(gone);
}

/** Takes back what was inserted, unless somebody else has it already. Their files are the caller's again. */
export function* withdraw(messages: readonly StoredMessage[], locks: RowLocks): Program<void> {
  const owners = new Map(messages.map(({ id, lease }) => [id, lease?.owner ?? null]));
  const rows = yield* lockMessages([...owners.keys()], locks);
  yield* deleteMessages(
    rows.filter(
      ({ id, lease_owner: owner, lease }) =>
        owner === owners.get(id as string) && lease === (owner === null ? 0 : 1),
    ),
  );
}
