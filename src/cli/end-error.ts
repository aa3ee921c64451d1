/** Ends the program with one line and an exit status, without a stack trace. */
export class EndError extends Error {
  override readonly name: string = "EndError";
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}
