import { generateKeyPairSync } from "node:crypto";
import type { Command } from "commander";
import { canonicalDomain } from "../message/index.ts";
import { type DkimName, dkimRecord, loadDkimKey } from "../signature/index.ts";
import { readNamedFile } from "./arguments.ts";
import { EXIT } from "./exit-status.ts";
import { writePrivateKey } from "./private-key-file.ts";
import { UsageError } from "./usage-error.ts";

interface Options {
  domain: string;
  selector: string;
  algorithm?: "rsa" | "ed25519";
  out?: string;
  record?: string;
}

/** `vsmtp dkim-key`: a domain's key for DKIM, and the DNS record that publishes it (SIG-58). */
export function define(command: Command, done: (status: number) => void): void {
  command
    .requiredOption("--domain D", "the domain that signs")
    .requiredOption("--selector S", "the key's name below the domain")
    .option("--out FILE", "make a key, and write it (PEM) to FILE, mode 0600")
    .addOption(
      command
        .createOption("--algorithm NAME", "of the key to make: rsa (2048 bits, the default) or ed25519")
        .choices(["rsa", "ed25519"]),
    )
    .option("--record FILE", "print the record of the key in FILE, and make none")
    .action((options: Options) => {
      const { out, record, algorithm } = options;
      if ((out === undefined) === (record === undefined)) {
        throw new UsageError("either --out FILE, for a new key, or --record FILE is needed");
      }
      if (record !== undefined && algorithm !== undefined) {
        throw new UsageError("--algorithm is for a new key: --record takes the key as it is");
      }
      const pem = record === undefined ? newKey(algorithm ?? "rsa") : readNamedFile(record);
      const loaded = loadDkimKey(pem);
      if (!loaded.ok) throw new UsageError(`${record}: ${loaded.detail}`);
      const line = attempt(() => dkimRecord(nameOf(options), loaded.key));
      if (out !== undefined) writePrivateKey(out, String(pem));
      process.stdout.write(`${line}\n`);
      done(EXIT.ok);
    });
}

function nameOf({ domain, selector }: Options): DkimName {
  return { domain: canonicalDomain(domain) ?? domain, selector };
}

function newKey(algorithm: "rsa" | "ed25519"): string {
  const { privateKey } =
    algorithm === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : generateKeyPairSync("ed25519");
  return String(privateKey.export({ format: "pem", type: "pkcs8" }));
}

/** A name that cannot be is the user's to mend. */
function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}
