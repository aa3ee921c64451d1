import { readFileSync } from "node:fs";
import { InvalidArgumentError } from "commander";
import { type Address, parseAddress } from "../message/index.ts";
import { parseSeconds } from "../signature/index.ts";
import { UsageError } from "./usage-error.ts";

/** `--identity ADDR`: an address that can be an identity. */
export function addressArgument(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new InvalidArgumentError(`It is not an eligible address: ${parsed.detail}.`);
  return parsed.address;
}

/** `--rcpt ADDR`, which may be given more than once. */
export function addressesArgument(text: string, before: Address[] = []): Address[] {
  return [...before, addressArgument(text)];
}

/** `--rcpt ADDR` of a transaction: one that is not eligible stays in the list as null, for nothing can list it. */
export function recipientsArgument(text: string, before: (Address | null)[] = []): (Address | null)[] {
  const parsed = parseAddress(text);
  if (!parsed.ok && parsed.problem === "syntax")
    throw new InvalidArgumentError(`It is no address: ${parsed.detail}.`);
  return [...before, parsed.ok ? parsed.address : null];
}

/** `--now UNIX`: Unix seconds. */
export function secondsArgument(text: string): number {
  const seconds = parseSeconds(text);
  if (seconds === null)
    throw new InvalidArgumentError("It must be Unix seconds: decimal, at most 12 digits.");
  return seconds;
}

/** Reads a file that the command line names; what is wrong with it is one line. */
export function readNamedFile(name: string): Buffer {
  try {
    return readFileSync(name);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === "ENOENT" ? "there is no such file" : code === "EACCES" ? "permission denied" : String(code);
    throw new UsageError(`${name}: cannot be read: ${why}`);
  }
}

export function unixNow(): number {
  return Math.floor(Date.now() / 1000);
}
