import { generateKeyPairSync } from "node:crypto";
import type { Command } from "commander";
import type { Address } from "../message/index.ts";
import { encodeAddress } from "../message/index.ts";
import { keyId } from "../signature/index.ts";
import { addressArgument, unixNow } from "./arguments.ts";
import { EXIT } from "./exit-status.ts";
import { writePrivateKey } from "./private-key-file.ts";

interface Options {
  out?: string;
  rsa?: boolean;
  identity?: Address;
}

const YEAR_S = 365 * 86_400;

/** `vsmtp keygen`: a key pair for trying things; a provider's accounts get theirs from the key server. */
export function define(command: Command, done: (status: number) => void): void {
  command
    .option("--out FILE", "write the private key (PEM) to FILE, mode 0600; otherwise to standard output")
    .option("--rsa", "RSA of 2048 bits instead of Ed25519 (only ever beside an Ed25519 key)")
    .option("--identity ADDR", "also print a key statement for this address", addressArgument)
    .action((options: Options) => {
      const pair = options.rsa
        ? generateKeyPairSync("rsa", { modulusLength: 2048 })
        : generateKeyPairSync("ed25519");
      const pem = pair.privateKey.export({ format: "pem", type: "pkcs8" }) as string;
      const spki = pair.publicKey.export({ format: "der", type: "spki" });
      const about = [`kid ${keyId(spki)}`, `public key ${spki.toString("base64")}`];
      if (options.identity) about.push(statement(options.identity, spki, options.rsa === true));
      if (options.out === undefined) {
        process.stdout.write(pem);
        process.stderr.write(`${about.join("\n")}\n`);
      } else {
        writePrivateKey(options.out, pem);
        process.stdout.write(`${about.join("\n")}\n`);
      }
      done(EXIT.ok);
    });
}

/** An unsigned key statement that holds for a year, for `vsmtp verify --statements`. */
function statement(identity: Address, spki: Buffer, rsa: boolean): string {
  const now = unixNow();
  const algorithm = rsa ? "rsa-sha256" : "ed25519-sha256";
  const times = `nb=${now}; na=${now + YEAR_S}; iat=${now}; ttl=86400`;
  return `v=1; i=${encodeAddress(identity)}; k=${keyId(spki)}; a=${algorithm}; st=active; ${times}; p=${spki.toString("base64")}`;
}
