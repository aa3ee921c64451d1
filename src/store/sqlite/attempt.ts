import type { StoreFailure } from "../sql/store-failure.ts";
import { storageProblem } from "./database.ts";

/** Does what asks the file; where the file fails, that becomes the store's error. */
export function attemptAs<T>(Failure: StoreFailure, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw failureAs(Failure, error);
  }
}

/** The store's error for what the file failed with; errors of our own stay what they are. */
export function failureAs(Failure: StoreFailure, error: unknown): unknown {
  const problem = storageProblem(error);
  return problem === null ? error : new Failure(problem, error);
}
