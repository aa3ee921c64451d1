import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { canonicalDomain } from "../message/index.ts";
import { readNamedFile } from "./arguments.ts";
import { addConfigOption, openKeyring, readConfig } from "./configuration.ts";
import { EXIT } from "./exit-status.ts";
import { formatTable, isoDate } from "./table.ts";
import { UsageError } from "./usage-error.ts";

interface Options {
  config?: string;
  json?: boolean;
  alias?: string[];
  passwordFile?: string;
  /** False for --no-password. */
  password?: boolean;
}

/** `vsmtp account add|list`: accounts with their key pairs; a running `vsmtp serve` sees a change at once. */
export function define(command: Command, done: (status: number) => void): void {
  addConfigOption(command.command("add ADDRESS").description("make an account and its key pair"))
    .option("--alias ADDR", "a further address of the account; may be repeated", collect)
    .option("--password-file FILE", "take the password from the first line of FILE (- for standard input)")
    .option("--no-password", "nobody can log in: for role accounts")
    .option("--json", "one line of JSON")
    .action(async (address: string, options: Options) => {
      await using open = await openKeyring(readConfig(options.config));
      const made = options.password !== false && options.passwordFile === undefined ? randomPassword() : null;
      const password =
        made ?? (options.passwordFile === undefined ? null : readPassword(options.passwordFile));
      const added = await open.keyring.addAccount({
        address,
        ...(options.alias ? { aliases: options.alias } : {}),
        ...(password === null ? {} : { password }),
      });
      if (!added.ok) throw new UsageError(added.detail);
      const { account, kid } = added;
      const lines = [`${account.primaryAddress} has been added`, `key       ${kid}`];
      if (made !== null) lines.push(`password  ${made}   (shown only now)`);
      const record = {
        address: account.primaryAddress,
        id: account.id,
        kid,
        ...(made === null ? {} : { password: made }),
      };
      process.stdout.write(`${options.json ? JSON.stringify(record) : lines.join("\n")}\n`);
      done(EXIT.ok);
    });
  addConfigOption(command.command("list [DOMAIN]").description("list accounts and their active keys"))
    .option("--json", "one line of JSON for each")
    .action(async (domainName: string | undefined, options: Options) => {
      const domain = domainName === undefined ? null : canonicalDomain(domainName);
      if (domain === null && domainName !== undefined)
        throw new UsageError(`"${domainName}" is not a mail domain`);
      await using open = await openKeyring(readConfig(options.config));
      const accounts = [];
      for (const { id, primaryAddress, state, createdAt } of await open.keyring.accounts(domain)) {
        const keys = await open.keyring.keyHistory(id);
        const kids = keys.filter((key) => key.state === "active").map((key) => key.kid);
        accounts.push({ address: primaryAddress, id, state, kids, created: createdAt });
      }
      const rows = accounts.map(({ address, state, kids, created }) => [
        address,
        state,
        kids.join(" "),
        isoDate(created),
      ]);
      const text = options.json
        ? accounts.map((account) => JSON.stringify(account)).join("\n")
        : formatTable(["ADDRESS", "STATE", "ACTIVE KEY", "SINCE"], rows);
      if (text !== "") process.stdout.write(`${text}\n`);
      done(EXIT.ok);
    });
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** 120 bits, in letters and digits that survive being read out. */
function randomPassword(): string {
  return randomBytes(15).toString("base64url");
}

function readPassword(fileName: string): string {
  const text = fileName === "-" ? readFileSync(0, "utf8") : readNamedFile(fileName).toString("utf8");
  const [line = ""] = text.split(/\r?\n/, 1);
  if (line === "") throw new UsageError(`${fileName}: its first line, the password, is empty`);
  return line;
}
