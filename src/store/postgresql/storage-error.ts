import pg from "pg";
import type { StoreFailure } from "../sql/store-failure.ts";
import { StoreMismatchError } from "../store-mismatch-error.ts";

/** SQLSTATEs and classes of them (PostgreSQL documentation, appendix A) that say nothing about our statements. */
const PROBLEMS: readonly (readonly [code: string, problem: "busy" | "full" | "broken"])[] = [
  ["53100", "full"], // disk_full
  ["08", "busy"], // connection exceptions
  ["53", "busy"], // insufficient resources: memory, connections
  ["57", "busy"], // shutting down, starting, cancelled by a timeout
  ["40", "busy"], // deadlock, serialization failure
  ["55P03", "busy"], // lock_not_available: lock_timeout
  ["25006", "busy"], // read_only_sql_transaction: a standby that is about to take over
  ["25P03", "busy"], // idle_in_transaction_session_timeout
  ["28", "broken"], // invalid authorization
  ["3D", "broken"], // no such database
  ["42501", "broken"], // insufficient_privilege
  ["58", "broken"], // system errors: input and output
  ["XX001", "broken"], // data_corrupted
  ["XX002", "broken"], // index_corrupted
];

/** A failure that is not the database's answer is one of the connection. */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof StoreMismatchError) return false;
  return !(error instanceof pg.DatabaseError) || /^(?:08|57P|25P03)/.test(error.code ?? "");
}

/** The database undid a transaction for another one's sake; it may well succeed when it is tried again. */
export function isConflict(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code ?? "").startsWith("40");
}

/** What a failure of a statement or of the connection comes to; errors of our own stay what they are. */
export function storageError(Failure: StoreFailure, error: unknown): unknown {
  if (error instanceof StoreMismatchError) return error;
  if (!(error instanceof pg.DatabaseError)) return new Failure("busy", error);
  const { code = "" } = error;
  const problem = PROBLEMS.find(([start]) => code.startsWith(start))?.[1];
  return problem === undefined ? error : new Failure(problem, error);
}
