import { writeFileSync } from "node:fs";
import { UsageError } from "./usage-error.ts";

/** Writes a private key to a new file that only its owner may read. */
export function writePrivateKey(fileName: string, pem: string): void {
  try {
    writeFileSync(fileName, pem, { mode: 0o600, flag: "wx" });
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === "EEXIST";
    const why = exists
      ? "it exists already; keys are never overwritten"
      : String((error as NodeJS.ErrnoException).code);
    throw new UsageError(`${fileName}: cannot be written: ${why}`);
  }
}
