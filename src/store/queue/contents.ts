import type { MessageContent, StoredMessage } from "../../queue/index.ts";
import { integer } from "../sql/columns.ts";
import { all, allIn, first, insertRows, type Program, type Row, run, type SqlValue } from "../sql/program.ts";
import { byOctets } from "./destinations.ts";

/** A content that is in several messages, or in one. */
export interface PlacedContent {
  /** Key of its row. */
  readonly id: string;
  readonly content: MessageContent;
  /** The messages that share it; one has it as its own. */
  readonly holders: number;
}

export type PlacedContents = ReadonlyMap<MessageContent, PlacedContent>;

/** Where the contents of new messages go: what is in one message only stands in one row with its prefix. */
export function placeContents(messages: readonly StoredMessage[]): PlacedContents {
  const placed = new Map<MessageContent, PlacedContent>();
  for (const { id, content } of messages) {
    const { holders, id: first } = placed.get(content) ?? { holders: 0, id };
    placed.set(content, { id: first, content, holders: holders + 1 });
  }
  for (const one of placed.values()) {
    if (one.holders > 1) placed.set(one.content, { ...one, id: `${one.id}+` });
  }
  return placed;
}

export function* insertContents(messages: readonly StoredMessage[], placed: PlacedContents): Program<void> {
  const rows: SqlValue[][] = [];
  for (const { id, prefix, content } of messages) {
    const place = placed.get(content) as PlacedContent;
    if (place.holders === 1) rows.push(contentRow(place, joined(prefix, content.inline)));
    else if (prefix.length > 0) rows.push([id, 1, null, 0, prefix]);
  }
  for (const place of placed.values()) {
    if (place.holders > 1) rows.push(contentRow(place, place.content.inline));
  }
  yield* insertRows("INSERT INTO content (id, holders, file, rest_octets, octets)", rows);
}

function contentRow({ id, content: { file }, holders }: PlacedContent, octets: Uint8Array): SqlValue[] {
  return [id, holders, file?.name ?? null, file?.octets ?? 0, octets];
}

function joined(prefix: Uint8Array, inline: Uint8Array): Uint8Array {
  if (prefix.length === 0) return inline;
  return inline.length === 0 ? prefix : Buffer.concat([prefix, inline]);
}

/**
 * @param gone rows of messages that are deleted
 * @returns the files that belong to nothing any more
 */
export function* deleteContents(gone: readonly Row[]): Program<string[]> {
  const leavers = new Map<string, number>();
  for (const { shared_content: shared } of gone) {
    if (shared !== null) leavers.set(shared as string, (leavers.get(shared as string) ?? 0) + 1);
  }
  const ids = gone.map(({ id }) => id as string);
  const deleted = [...(yield* allIn("DELETE FROM content WHERE id IN (*) RETURNING file", ids))];
  // In one order in all processes, so that two that end copies of the same messages do not wait for each other.
  for (const [id, count] of [...leavers].sort(([a], [b]) => byOctets(a, b))) {
    yield* run("UPDATE content SET holders = holders - ? WHERE id = ?", count, id);
    deleted.push(...(yield* all("DELETE FROM content WHERE id = ? AND holders = 0 RETURNING file", id)));
  }
  return deleted.flatMap(({ file }) => (file === null ? [] : [file as string]));
}

/** What is in memory of a content, and the file whose octets follow. */
export interface ContentParts {
  readonly inline: readonly Uint8Array[];
  readonly file: string | null;
  readonly restOctets: number;
}

/** Null when the message is gone. */
export function* contentOf(id: string): Program<ContentParts | null> {
  const message = yield* first("SELECT shared_content FROM message WHERE id = ?", id);
  if (message === null) return null;
  const { shared_content: shared } = message;
  const rows: Row[] = [];
  for (const key of shared === null ? [id] : [id, shared as string]) {
    const row = yield* first("SELECT file, rest_octets, octets FROM content WHERE id = ?", key);
    if (row !== null) rows.push(row);
    // One that is empty and has a shared one after it is not stored; else it was deleted just now.
    else if (shared === null || key === shared) return null;
  }
  const last = rows.at(-1) as Row;
  return {
    inline: rows.map(({ octets }) => octets as Uint8Array),
    file: last.file as string | null,
    restOctets: integer(last, "rest_octets"),
  };
}
