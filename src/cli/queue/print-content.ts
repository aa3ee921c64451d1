import { headerOf, piecesOf, type StoredContent } from "../../queue/index.ts";
import { writeOut } from "../standard-output.ts";
import { ShownOctets } from "../terminal-text.ts";

/** Prints a message, or its header; a terminal gets nothing that it would obey. */
export async function printContent(content: StoredContent, headerOnly: boolean): Promise<void> {
  const pieces = headerOnly ? [await headerOf(content)] : piecesOf(content);
  if (!process.stdout.isTTY) {
    for await (const piece of pieces) await writeOut(piece);
    return;
  }
  const shown = new ShownOctets();
  for await (const piece of pieces) await writeOut(shown.write(piece));
  await writeOut(shown.end());
}
