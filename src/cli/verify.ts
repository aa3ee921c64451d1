import type { Command } from "commander";
import { judge, MessageVerifier, type Verdict } from "../signature/index.ts";
import { EXIT } from "./exit-status.ts";
import { readStandardInput } from "./message-input.ts";
import { addVerifyOptions, type VerifyOptions, verifyContext } from "./verify-options.ts";

/** `vsmtp verify`: the verdict on the message on standard input (VER-10). */
export function define(command: Command, done: (status: number) => void): void {
  addVerifyOptions(command)
    .option("--json", "one line of JSON: result, reason, identity, kid, align, rcpt")
    .action(async (options: VerifyOptions & { json?: boolean }) => {
      const verifier = new MessageVerifier();
      for await (const chunk of readStandardInput()) verifier.write(chunk);
      await using context = await verifyContext(options);
      const verdict = await judge(verifier.finish(), context);
      const { result, reason, identity, kid, align, rcpt } = verdict;
      const line = options.json
        ? JSON.stringify({ result, reason, identity, kid, align, rcpt })
        : `${verdictText(verdict)}\n${verdict.detail}`;
      process.stdout.write(`${line}\n`);
      done(exitStatus(verdict));
    });
}

/** A verdict in one line for people: `pass header.i=… policy.align=from`. */
export function verdictText(verdict: Verdict): string {
  const words: string[] = [verdict.result];
  if (verdict.reason !== null) words.push(verdict.reason);
  const { identity, kid, align, rcpt, trust } = verdict;
  for (const [name, value] of Object.entries({ identity, kid, align, rcpt, trust })) {
    if (value !== null) words.push(`${name}=${value}`);
  }
  return words.join(" ");
}

export function exitStatus(verdict: Verdict): number {
  if (verdict.result === "pass") return EXIT.ok;
  return verdict.result === "temperror" ? EXIT.temporary : EXIT.notPass;
}
