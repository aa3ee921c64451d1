import { type Command, InvalidArgumentError } from "commander";
import type { Address } from "../message/index.ts";
import { MessageSigner, signPrepared } from "../signature/index.ts";
import { addressArgument, addressesArgument, collect, secondsArgument, unixNow } from "./arguments.ts";
import { EXIT } from "./exit-status.ts";
import { SpooledInput } from "./message-input.ts";
import { readSigningKey } from "./signing-key.ts";
import { UsageError } from "./usage-error.ts";

interface Options {
  key: string[];
  identity: Address;
  rcpt?: Address[];
  t?: number;
  x?: number;
  salt?: Buffer;
  level?: number;
  exact?: boolean;
  auto?: boolean;
  cover?: string[];
}

/** `vsmtp sign`: a signed message from the message on standard input. */
export function define(command: Command, done: (status: number) => void): void {
  command
    .requiredOption("--key FILE", "private key in PEM; twice for an Ed25519 and an RSA key", collect)
    .requiredOption(
      "--identity ADDR",
      "the address that signs: the one in Sender, else in From",
      addressArgument,
    )
    .option("--rcpt ADDR", "bind the copy to this recipient; may be repeated", addressesArgument)
    .option("--t UNIX", "signing time (now)", secondsArgument)
    .option("--x UNIX", "expiry time (7 days after --t)", secondsArgument)
    .option("--salt HEX", "salt of the recipient hashes, 16 octets (random)", saltArgument)
    .option("--level N", "custody level of a forwarder, 1 to 7 (0: the originator)", levelArgument)
    .option("--exact", "other recipients than these make the message fail")
    .option("--auto", "mark the message as machine-generated")
    .option("--cover NAME", "cover this header field too; may be repeated", collect)
    .action(async (options: Options) => {
      const keys = options.key.map(readSigningKey);
      const signer = new MessageSigner();
      await using input = await SpooledInput.read((chunk) => signer.write(chunk));
      const prepared = signer.finish();
      if (!prepared.ok)
        throw new UsageError(`the message cannot be signed: ${prepared.reason}: ${prepared.detail}`);
      const flags: ("exact" | "auto")[] = [];
      if (options.exact) flags.push("exact");
      if (options.auto) flags.push("auto");
      const result = attempt(() =>
        signPrepared(prepared, {
          keys,
          identity: options.identity,
          recipients: options.rcpt,
          signedAt: options.t ?? unixNow(),
          expiresAt: options.x,
          salt: options.salt,
          level: options.level,
          flags,
          extraFields: options.cover?.map((name) => name.toLowerCase()),
        }),
      );
      if (!result.ok)
        throw new UsageError(`the message cannot be signed: ${result.reason}: ${result.detail}`);
      process.stdout.write(result.fields);
      await input.writeOut(result.removed);
      done(EXIT.ok);
    });
}

/** Options outside the limits of the field are the user's to mend. */
function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}

function saltArgument(text: string): Buffer {
  if (!/^[0-9a-f]{32}$/i.test(text)) throw new InvalidArgumentError("It must be 32 hexadecimal digits.");
  return Buffer.from(text, "hex");
}

function levelArgument(text: string): number {
  if (!/^[0-7]$/.test(text)) throw new InvalidArgumentError("It must be a level from 0 to 7.");
  return Number(text);
}
