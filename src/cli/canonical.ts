import type { Command } from "commander";
import { faultText } from "../message/index.ts";
import { CORE_FIELDS, headerCanonical, MessageScanner } from "../signature/index.ts";
import { EXIT } from "./exit-status.ts";
import { readStandardInput } from "./message-input.ts";
import { UsageError } from "./usage-error.ts";

/** `vsmtp canonical`: what of a message is signed, for those who compare implementations (MSG-7, MSG-11). */
export function define(command: Command, done: (status: number) => void): void {
  command
    .option("--json", "one line of JSON: headerCanonical and bodyHash, base64")
    .action(async (options: { json?: boolean }) => {
      const scanner = new MessageScanner();
      for await (const chunk of readStandardInput()) scanner.write(chunk);
      const message = scanner.finish();
      if (message.fault)
        throw new UsageError(`the message has no canonical form: ${faultText(message.fault)}`);
      const header = headerCanonical(message.header, message.index, CORE_FIELDS, [], Buffer.alloc(0));
      const bodyHash = message.bodyHashBase64;
      const text = options.json
        ? JSON.stringify({ headerCanonical: header.toString("base64"), bodyHash })
        : `${header.toString("utf8")}bodyHash ${bodyHash}`;
      process.stdout.write(`${text}\n`);
      done(EXIT.ok);
    });
}
