import { setTimeout } from "node:timers/promises";
import { type Command, InvalidArgumentError } from "commander";
import { writeOut } from "../standard-output.ts";
import { stopSignal } from "../stop-signal.ts";

export interface WatchOption {
  readonly watch?: number | true;
}

const USUAL_SECONDS = 2;
/** Moves to the upper left corner and clears what is below. */
const CLEAR = "\x1b[H\x1b[J";

/** Adds `--watch`. */
export function addWatch(command: Command): Command {
  return command.option(
    "--watch [SECONDS]",
    `show it again and again, every ${USUAL_SECONDS} seconds, until it is stopped`,
    (text: string): number => {
      if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
      throw new InvalidArgumentError("It must be a number of seconds from 1 to 9999.");
    },
  );
}

/** Prints once, or with `--watch` again and again: over the last time on a terminal, else below it. */
export async function printWatching(
  { watch }: WatchOption,
  json: boolean,
  print: () => Promise<void>,
): Promise<void> {
  if (watch === undefined) return print();
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort());
  const pauseMs = (watch === true ? USUAL_SECONDS : watch) * 1000;
  const between = json ? "" : process.stdout.isTTY ? CLEAR : "\n";
  for (let again = false; !stop.signal.aborted; again = true) {
    if (again || process.stdout.isTTY) await writeOut(between);
    await print();
    await setTimeout(pauseMs, null, { signal: stop.signal }).catch(() => {});
  }
}
