import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { readNamedFile } from "../arguments.ts";
import { UsageError } from "../usage-error.ts";
import { askSecret } from "./terminal.ts";

export interface NewPasswordOptions {
  readonly passwordFile?: string;
  /** False for --no-password. */
  readonly password?: boolean;
}

/** How a new account gets its password. Never as an argument: those are seen by everybody in the list of processes. */
export function addNewPasswordOptions(command: Command): Command {
  return command
    .option("--password-file FILE", "take the password from the first line of FILE (- for standard input)")
    .option("--no-password", "nobody can log in: for role accounts");
}

/** The password of a new account, and whether it was made here and must be shown; null for none. */
export function newPassword(options: NewPasswordOptions): { password: string; made: boolean } | null {
  if (options.passwordFile !== undefined)
    return { password: readPasswordFile(options.passwordFile), made: false };
  return options.password === false ? null : { password: generatePassword(), made: true };
}

/** 120 bits, in letters and digits that survive being read out. */
export function generatePassword(): string {
  return randomBytes(15).toString("base64url");
}

export function readPasswordFile(fileName: string): string {
  const text = fileName === "-" ? readFileSync(0, "utf8") : readNamedFile(fileName).toString("utf8");
  const [line = ""] = text.split(/\r?\n/, 1);
  if (line === "") throw new UsageError(`${fileName}: its first line, the password, is empty`);
  return line;
}

/** Asks twice, since nobody sees a slip. */
export async function askNewPassword(): Promise<string> {
  const first = await askSecret("New password");
  if (first !== (await askSecret("New password again"))) {
    throw new UsageError("the two passwords differ; nothing was changed");
  }
  return first;
}
