/** The disk refused: `full` or `broken`. */
export class SpoolError extends Error {
  override readonly name = "SpoolError";
  readonly kind: "full" | "broken";

  constructor(kind: "full" | "broken", cause: unknown) {
    super(`spool: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.kind = kind;
  }
}

/** No space, no quota, or the file would be larger than this process may write. */
const fullCodes = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** What the file system said, as a {@link SpoolError}. */
export function spoolError(cause: unknown): SpoolError {
  if (cause instanceof SpoolError) return cause;
  const { code } = cause as NodeJS.ErrnoException;
  return new SpoolError(code !== undefined && fullCodes.has(code) ? "full" : "broken", cause);
}
