/** A database that is not this program's, or of a newer one; the message says what the operator can do. */
export class StoreMismatchError extends Error {
  override readonly name = "StoreMismatchError";
}
