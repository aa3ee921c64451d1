import { EndError } from "../end-error.ts";
import { EXIT } from "../exit-status.ts";

/** Is there somebody to ask? Questions go to standard error, so that standard output stays what it is. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** Breaks off with the status of a refused question. */
export function declined(): EndError {
  return new EndError("not done, as you wish", EXIT.notPass);
}

/** False for no. */
export async function askYesOrNo(question: string): Promise<boolean> {
  const { confirm } = await import("@clack/prompts");
  return ask<boolean>((terminal) => confirm({ ...terminal, message: question, initialValue: false }));
}

/** What is typed is not shown. */
export async function askSecret(question: string): Promise<string> {
  const { password } = await import("@clack/prompts");
  return ask<string>((terminal) => password({ ...terminal, message: question }));
}

interface TerminalOptions {
  readonly output: NodeJS.WriteStream;
  readonly signal: AbortSignal;
}

async function ask<T>(prompt: (terminal: TerminalOptions) => Promise<T | symbol>): Promise<T> {
  const gone = new AbortController();
  const onIdle = (): void => gone.abort();
  // After Ctrl-D, or when the terminal goes away, nothing is left to wait for but the prompt does not say so.
  process.once("beforeExit", onIdle);
  try {
    const answer = await prompt({ output: process.stderr, signal: gone.signal });
    if (typeof answer === "symbol") throw declined();
    return answer;
  } finally {
    process.off("beforeExit", onIdle);
  }
}
