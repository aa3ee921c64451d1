import { EndError } from "../end-error.ts";
import { EXIT } from "../exit-status.ts";

/**
 * Does something to each subject that a command line names. One that is refused does not keep the others from it;
 * it is a line on standard error.
 *
 * @returns the exit status: that of the last refusal
 */
export async function each(
  subjects: readonly string[],
  act: (subject: string) => Promise<void>,
): Promise<number> {
  let status: number = EXIT.ok;
  for (const subject of subjects) {
    try {
      await act(subject);
    } catch (error) {
      if (!(error instanceof EndError)) throw error;
      process.stderr.write(`vsmtp: ${error.message}\n`);
      status = error.status;
    }
  }
  return status;
}
