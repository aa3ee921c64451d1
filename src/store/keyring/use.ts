import type { AuditEntry, Use, UseAnswer } from "../../keyring/index.ts";
import { text } from "../sql/columns.ts";
import type { Change } from "../sql/driver.ts";
import { allIn, first, insertRows, type Program, type Row, run } from "../sql/program.ts";
import { type AuditLog, appendEntries } from "./audit-log.ts";
import {
  EMPTY_WINDOW,
  type RecipientWindow,
  recipientsIn,
  type Slots,
  takeRecipients,
} from "./recipient-window.ts";

/** `last_used_at` is written when it is older than this: logging in must not cost a write each time. */
const TOUCH_S = 3600;

interface Budget {
  readonly limit: number | null;
  window: RecipientWindow;
  changed: boolean;
}

/** No cache depends on what is counted and logged here: nothing is journaled. */
export function* use(log: AuditLog, uses: readonly Use[]): Program<Change<readonly UseAnswer[]>> {
  const budgets = yield* readBudgets(uses);
  const answers: UseAnswer[] = [];
  const entries: AuditEntry[] = [];
  for (const { entry, take } of uses) {
    const answer = take === null ? TAKEN : takeFrom(budgets.get(take.accountId), take, entry.at);
    answers.push(answer);
    entries.push(answer.kind === "taken" ? entry : { ...entry, outcome: "limit" });
  }
  yield* writeBudgets(budgets);
  yield* touchCredentials(uses);
  yield* appendEntries(log, entries);
  return { answer: answers, keep: true, subjects: new Set() };
}

export function* recipientsUsed(accountId: string, periodMs: number, now: number): Program<number> {
  const row = yield* first("SELECT period_ms, slots FROM recipient_use WHERE account = ?", accountId);
  return row === null ? 0 : recipientsIn(windowOf(row), periodMs, now);
}

const TAKEN: UseAnswer = { kind: "taken" };

function takeFrom(budget: Budget | undefined, take: NonNullable<Use["take"]>, now: number): UseAnswer {
  // Whoever is removed in this moment sends nothing any more.
  if (budget === undefined) return { kind: "limited", limit: 0, freeAt: null };
  const limit = budget.limit ?? take.limit;
  const taken = takeRecipients(budget.window, {
    recipients: take.recipients,
    limit,
    periodMs: take.periodMs,
    now,
  });
  if (taken.kind === "limited") return { kind: "limited", limit, freeAt: taken.freeAt };
  budget.window = taken.window;
  budget.changed = true;
  return TAKEN;
}

function* readBudgets(uses: readonly Use[]): Program<Map<string, Budget>> {
  const ids = new Set(uses.flatMap(({ take }) => (take === null ? [] : [take.accountId])));
  const rows = yield* allIn(
    `SELECT account.id, account.recipient_limit, recipient_use.period_ms, recipient_use.slots
     FROM account LEFT JOIN recipient_use ON recipient_use.account = account.id
     WHERE account.state <> 'removed' AND account.id IN (*)`,
    [...ids],
  );
  return new Map(
    rows.map((row) => [
      text(row, "id"),
      { limit: row.recipient_limit as number | null, window: windowOf(row), changed: false },
    ]),
  );
}

function windowOf(row: Row): RecipientWindow {
  if (row.slots === null) return EMPTY_WINDOW;
  return { periodMs: row.period_ms as number, slots: JSON.parse(text(row, "slots")) as Slots };
}

function* writeBudgets(budgets: ReadonlyMap<string, Budget>): Program<void> {
  const rows = Array.from(budgets).flatMap(([accountId, { window, changed }]) =>
    changed ? [[accountId, window.periodMs, JSON.stringify(window.slots)]] : [],
  );
  yield* insertRows(
    "INSERT INTO recipient_use (account, period_ms, slots)",
    rows,
    "ON CONFLICT (account) DO UPDATE SET period_ms = excluded.period_ms, slots = excluded.slots",
  );
}

function* touchCredentials(uses: readonly Use[]): Program<void> {
  const touched = new Set<string>();
  for (const { touch, entry } of uses) {
    if (touch === null || touched.has(`${touch.accountId} ${touch.credentialId}`)) continue;
    touched.add(`${touch.accountId} ${touch.credentialId}`);
    const at = Math.floor(entry.at / 1000);
    yield* run(
      `UPDATE credential SET last_used_at = ?
       WHERE account = ? AND id = ? AND (last_used_at IS NULL OR last_used_at <= ?)`,
      at,
      touch.accountId,
      touch.credentialId,
      at - TOUCH_S,
    );
  }
}
