import { EndError } from "./end-error.ts";
import { EXIT } from "./exit-status.ts";

/** Something the user can mend: printed as one line, exit status 2, no stack trace. */
export class UsageError extends EndError {
  override readonly name = "UsageError";

  constructor(message: string) {
    super(message, EXIT.usage);
  }
}
