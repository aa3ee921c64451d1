import type {
  DestinationCounts,
  ListedMessage,
  MessageId,
  QueueCounts,
  QueueFilter,
  RecipientState,
} from "../../queue/index.ts";
import { integer, text } from "../sql/columns.ts";
import { all, allIn, first, type Program, type Row } from "../sql/program.ts";
import { conditionOf, idsInOrder } from "./filter.ts";
import { notesOf } from "./quarantine-notes.ts";
import { listedOf, RECIPIENT, recipientOf } from "./rows.ts";

const LISTED = `SELECT message.*,
    (SELECT rests_until FROM destination WHERE destination.name = message.destination) AS rests_until,
    (SELECT until FROM lease_holder WHERE lease_holder.owner = message.lease_owner) AS until
  FROM message`;

export function* list(filter: QueueFilter, limit: number, after: MessageId): Program<ListedMessage[]> {
  const rows = yield* matching(filter, limit, after);
  const found = yield* allIn(
    `SELECT ${RECIPIENT} FROM recipient WHERE message IN (*) ORDER BY message, position`,
    rows.map(({ id }) => id as string),
  );
  const recipients = Map.groupBy(found, ({ message }) => message);
  const notes = yield* notesOf(rows);
  return rows.map((row) => {
    const own = (recipients.get(row.id) ?? []).map(recipientOf<RecipientState>);
    return listedOf(row, own, notes.get(row.id as string) ?? null);
  });
}

function* matching(filter: QueueFilter, limit: number, after: MessageId): Program<readonly Row[]> {
  const { sql, values } = conditionOf(filter);
  if (filter.ids === undefined) {
    return yield* all(`${LISTED} WHERE id > ? AND ${sql} ORDER BY id LIMIT ?`, after, ...values, limit);
  }
  const ids = idsInOrder(filter.ids, after);
  const rows = yield* allIn(`${LISTED} WHERE id IN (*) AND ${sql} ORDER BY id`, ids, [], values);
  return rows.slice(0, limit);
}

export function* counts(): Program<QueueCounts> {
  const states = yield* all(
    `SELECT state, count(*) AS messages, CAST(sum(size) AS BIGINT) AS octets, min(enqueued_at) AS oldest_at
     FROM message GROUP BY state`,
  );
  const deferred = yield* first("SELECT count(*) AS deferred FROM recipient WHERE state = 'deferred'");
  const of = (wanted: string, column = "messages"): number => {
    const row = states.find(({ state }) => state === wanted);
    return row === undefined ? 0 : integer(row, column);
  };
  const onTheirWay = states.filter(({ state }) => state !== "quarantined");
  return {
    queued: of("queued"),
    leased: of("leased"),
    held: of("held"),
    deferredRecipients: deferred === null ? 0 : integer(deferred, "deferred"),
    octets: onTheirWay.reduce((sum, row) => sum + integer(row, "octets"), 0),
    oldestAt:
      onTheirWay.length === 0 ? null : Math.min(...onTheirWay.map((row) => integer(row, "oldest_at"))),
    quarantined: of("quarantined"),
    quarantinedOctets: of("quarantined", "octets"),
  };
}

export function* destinationCounts(limit: number): Program<DestinationCounts[]> {
  const rows = yield* all(
    `SELECT counted.*, rests_until, failures, failure FROM (
       SELECT destination, count(*) AS messages, min(enqueued_at) AS oldest_at,
         count(CASE WHEN state = 'queued' THEN 1 END) AS queued,
         count(CASE WHEN state = 'leased' THEN 1 END) AS leased,
         count(CASE WHEN state = 'held' THEN 1 END) AS held
       FROM message WHERE state <> 'quarantined' GROUP BY destination ORDER BY messages DESC, destination LIMIT ?
     ) AS counted LEFT JOIN destination ON destination.name = counted.destination
     ORDER BY messages DESC, counted.destination`,
    limit,
  );
  return rows.map((row) => ({
    destination: text(row, "destination"),
    queued: integer(row, "queued"),
    leased: integer(row, "leased"),
    held: integer(row, "held"),
    oldestAt: integer(row, "oldest_at"),
    restsUntil: row.rests_until === null || row.rests_until === 0 ? null : integer(row, "rests_until"),
    failures: (row.failures ?? 0) as number,
    failure: row.failure as string | null,
  }));
}
