import { UsageError } from "../usage-error.ts";
import { askYesOrNo, canAsk, declined } from "./terminal.ts";

/**
 * Asks before something is done that cannot be undone. Where nobody can answer it is refused: a script says `--yes`.
 *
 * @param consequence what will happen, in whole sentences
 */
export async function confirm(consequence: string, yes: boolean): Promise<void> {
  if (yes) return;
  if (!canAsk()) throw new UsageError(`nothing is done without --yes. With it: ${consequence}`);
  if (!(await askYesOrNo(`${consequence} Do it?`))) throw declined();
}
