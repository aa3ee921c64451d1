import { firstMessageIdAt } from "../../queue/index.ts";
import type { RowLocks } from "../sql/dialect.ts";
import { type Program, run } from "../sql/program.ts";
import { firstPartAt } from "./parts.ts";

const DAY_MS = 86_400_000;
/** Work that was done on a day is not done again so long after it. */
const CLAIM_DAYS = 90;
/** Usual mail has seven. */
const TERMS_OF_A_MESSAGE = 8;

/** Removes what came before a time, a part at a time. What others remove at the moment is left to them. */
export function* forget(before: number, limit: number, { skip }: RowLocks): Program<boolean> {
  const end = firstMessageIdAt(before);
  const terms = limit * TERMS_OF_A_MESSAGE;
  const removed =
    (yield* run(
      `DELETE FROM log_received WHERE id IN (SELECT id FROM log_received WHERE id < ? ORDER BY id LIMIT ? ${skip})`,
      end,
      limit,
    )) +
    (yield* run(
      `DELETE FROM log_submitted WHERE id IN (SELECT id FROM log_submitted WHERE id < ? ORDER BY id LIMIT ? ${skip})`,
      end,
      limit,
    )) +
    (yield* run(
      `DELETE FROM log_copy WHERE copy IN (SELECT copy FROM log_copy WHERE copy < ? ORDER BY copy LIMIT ? ${skip})`,
      end,
      limit,
    )) +
    (yield* run(
      `DELETE FROM log_delivered WHERE (message, at, recipient, outcome) IN
         (SELECT message, at, recipient, outcome FROM log_delivered WHERE message < ? ORDER BY message LIMIT ? ${skip})`,
      end,
      limit,
    )) +
    // The last part that is left has some terms whose entries are gone: nothing comes of them.
    (yield* run(
      `DELETE FROM log_term WHERE (part, term, id) IN
         (SELECT part, term, id FROM log_term WHERE part < ? ORDER BY part, term, id LIMIT ? ${skip})`,
      firstPartAt(before),
      terms,
    ));
  if (removed === 0) yield* run("DELETE FROM log_part WHERE part < ?", firstPartAt(before));
  const day = new Date(Math.max(0, before - CLAIM_DAYS * DAY_MS)).toISOString().slice(0, 10);
  yield* run("DELETE FROM log_claim WHERE day < ?", day);
  return removed > 0;
}
