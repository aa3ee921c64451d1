import { KeyringStoreError } from "../../keyring/index.ts";
import { EndError } from "../end-error.ts";
import { EXIT } from "../exit-status.ts";

/** Works on the key store; where it cannot be used, or not now, one line says so and ends the command. */
export async function withStoreErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof KeyringStoreError ? storeProblem(error) : error;
  }
}

/** Each step of a command is a transaction: what is refused has changed nothing. */
function storeProblem(error: KeyringStoreError): EndError {
  return error.kind === "broken"
    ? new EndError(`${error.message}; check [store] in the settings, and the database`, EXIT.usage, error)
    : new EndError(`${error.message}; the last step was not done, try again`, EXIT.temporary, error);
}
