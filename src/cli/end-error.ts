/** Ends the program with one line and an exit status; the stack of its cause is shown only with VSMTP_DEBUG. */
export class EndError extends Error {
  override readonly name: string = "EndError";
  readonly status: number;

  constructor(message: string, status: number, cause?: unknown) {
    super(message, { cause });
    this.status = status;
  }
}
