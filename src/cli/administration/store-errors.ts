import { KeyringStoreError, MasterKeyError } from "../../keyring/index.ts";
import { MailLogStoreError } from "../../mail-log/index.ts";
import { QueueStoreError } from "../../queue/index.ts";
import { SpoolError } from "../../spool/index.ts";
import { StoreMismatchError } from "../../store/index.ts";
import { EndError } from "../end-error.ts";
import { EXIT } from "../exit-status.ts";
import { UsageError } from "../usage-error.ts";

/** Works on stores; where one cannot be used, or not now, one line says so and ends the command. */
export async function withStoreErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeProblem(error) ?? error;
  }
}

/** Each step of a command is a transaction: what is refused has changed nothing. Null: it is no store's. */
function storeProblem(error: unknown): EndError | null {
  if (error instanceof StoreMismatchError || error instanceof MasterKeyError)
    return new UsageError(error.message);
  const isOfDatabase =
    error instanceof KeyringStoreError ||
    error instanceof QueueStoreError ||
    error instanceof MailLogStoreError;
  if (isOfDatabase && error.kind !== "broken") {
    return new EndError(`${error.message}; the last step was not done, try again`, EXIT.temporary, error);
  }
  if (!isOfDatabase && !(error instanceof SpoolError)) return null;
  return new EndError(`${error.message}; check [store] in the settings, and the disk`, EXIT.usage, error);
}
