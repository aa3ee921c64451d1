import type { Command } from "commander";
import { explain } from "../signature/index.ts";
import { readStandardInput } from "./message-input.ts";
import { exitStatus, verdictText } from "./verify.ts";
import { addVerifyOptions, type VerifyOptions, verifyContext } from "./verify-options.ts";

/** `vsmtp explain`: what the signatures cover, what broke them as far as it can be told, and why the verdict. */
export function define(command: Command, done: (status: number) => void): void {
  addVerifyOptions(command).action(async (options: VerifyOptions) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of readStandardInput()) chunks.push(chunk);
    await using context = await verifyContext(options);
    const { verdict, lines } = await explain(Buffer.concat(chunks), context);
    process.stdout.write(
      `${[...lines, `verdict: ${verdictText(verdict)}`, `         ${verdict.detail}`].join("\n")}\n`,
    );
    done(exitStatus(verdict));
  });
}
