import type { AuditFilter, AuditRecord } from "../../keyring/index.ts";
import { all, type Program, type SqlValue } from "../sql/program.ts";
import { auditRecordOf } from "./rows.ts";

export function* audit(filter: AuditFilter): Program<readonly AuditRecord[]> {
  const conditions: string[] = [];
  const values: SqlValue[] = [];
  const where = (condition: string, ...compared: SqlValue[]): void => {
    conditions.push(condition);
    values.push(...compared);
  };
  const { after, since, until, account, action, outcome, limit, newest = false } = filter;
  if (after !== undefined) where("sequence > ?", after);
  if (since !== undefined) where("at >= ?", since);
  if (until !== undefined) where("at <= ?", until);
  if (account !== undefined) where("account = ?", account);
  // Whatever begins with `key.` stands between it and `key/`.
  if (action !== undefined)
    where("(action = ? OR (action > ? AND action < ?))", action, `${action}.`, `${action}/`);
  if (outcome !== undefined) where("outcome = ?", outcome);
  const rows = yield* all(
    `SELECT * FROM audit ${conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : ""}
     ORDER BY sequence ${newest ? "DESC" : "ASC"} LIMIT ?`,
    ...values,
    limit,
  );
  const records = rows.map(auditRecordOf);
  return newest ? records.reverse() : records;
}
