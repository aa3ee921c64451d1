/** Something the user can mend: printed as one line, exit status 2, no stack trace. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
