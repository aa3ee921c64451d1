import type { Command } from "commander";
import { addConfigOption, openKeyring, readConfig } from "./configuration.ts";
import { EXIT } from "./exit-status.ts";
import { formatTable, isoDate } from "./table.ts";
import { UsageError } from "./usage-error.ts";

interface Options {
  config?: string;
  json?: boolean;
  signStatements?: boolean;
}

/** `vsmtp domain add|list`: the domains whose accounts this provider has. */
export function define(command: Command, done: (status: number) => void): void {
  addConfigOption(command.command("add NAME").description("host a domain"))
    .option("--sign-statements", "make a statement key (dk), so that statements prove themselves")
    .option("--json", "one line of JSON")
    .action(async (name: string, options: Options) => {
      const config = readConfig(options.config);
      await using open = await openKeyring(config);
      const added = await open.keyring.addDomain(name, { signStatements: options.signStatements === true });
      if (!added.ok) throw new UsageError(added.detail);
      const dk = (await open.keyring.statementKey(added.name))?.spki ?? null;
      const records = recordsFor(added.name, config.hostname, dk);
      process.stdout.write(
        options.json
          ? `${JSON.stringify({ domain: added.name, dk: dk && base64(dk), records })}\n`
          : `${added.name} is hosted. Publish in DNS, when its mail is signed:\n\n  ${records.join("\n  ")}\n`,
      );
      done(EXIT.ok);
    });
  addConfigOption(command.command("list").description("list the hosted domains"))
    .option("--json", "one line of JSON for each")
    .action(async (options: Options) => {
      await using open = await openKeyring(readConfig(options.config));
      const domains = (await open.keyring.domains()).map(({ name, epoch, statementKey, createdAt }) => ({
        domain: name,
        epoch,
        dk: statementKey && base64(statementKey.spki),
        created: createdAt,
      }));
      const rows = domains.map(({ domain, dk, created }) => [
        domain,
        dk ? "signed" : "unsigned",
        isoDate(created),
      ]);
      const text = options.json
        ? domains.map((domain) => JSON.stringify(domain)).join("\n")
        : formatTable(["DOMAIN", "STATEMENTS", "SINCE"], rows);
      if (text !== "") process.stdout.write(`${text}\n`);
      done(EXIT.ok);
    });
}

/** What makes the domain's key server findable (DIS-1) and, step by step, its policy strict (POL-1). */
function recordsFor(domain: string, hostname: string, dk: Uint8Array | null): string[] {
  const tags = ["v=VSMTP1", "p=none"];
  if (dk) tags.push(`dk=${base64(dk)}`);
  return [`${domain}. IN MX 10 ${hostname}.`, `_vsmtp.${domain}. IN TXT "${tags.join("; ")}"`];
}

function base64(octets: Uint8Array): string {
  return Buffer.from(octets).toString("base64");
}
