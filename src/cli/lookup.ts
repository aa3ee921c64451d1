import type { Command } from "commander";
import { describeStep, type LookupReport } from "../key-lookup/index.ts";
import { type Address, encodeAddress } from "../message/index.ts";
import { isId16, keyId } from "../signature/index.ts";
import { addressArgument, unixNow } from "./arguments.ts";
import { EXIT } from "./exit-status.ts";
import { addNetworkOptions, type NetworkOptions } from "./network-options.ts";
import { openKeyLookup } from "./open-key-lookup.ts";
import { UsageError } from "./usage-error.ts";

export { kidsAreNoOptions as arrange } from "./arguments.ts";

/** `vsmtp lookup ADDR [KID]`: asks an address's key server as a receiver would, and shows every step. */
export function define(command: Command, done: (status: number) => void): void {
  addNetworkOptions(
    command
      .argument("ADDR", "the address", addressArgument)
      .argument("[KID]", "the key id, k= in a VSMTP-Signature; without it a server may answer with a decoy"),
  )
    .option("--json", "one line of JSON: answer, statement, trail")
    .action(
      async (identity: Address, kid: string | undefined, options: NetworkOptions & { json?: boolean }) => {
        if (kid !== undefined && !isId16(kid))
          throw new UsageError(`"${kid}" is no key id: 22 characters of base64url`);
        const lookup = openKeyLookup(options);
        try {
          const question = { identity, kid: kid ?? null, algorithm: null, signedAt: null, now: unixNow() };
          const report = await lookup.explain(question);
          process.stdout.write(`${options.json ? json(report) : text(identity, kid, report)}\n`);
          done(exitStatus(report));
        } finally {
          lookup.close();
        }
      },
    );
}

/** What a server that hides who has an account makes up looks like a key, and is one (KEY-34). */
const DECOY = "; asked without KID: it may be a decoy";

function text(
  identity: Address,
  kid: string | undefined,
  { answer, statement, trail }: LookupReport,
): string {
  const lines = trail.map((step) => `  ${describeStep(step)}`);
  if (statement !== null) lines.push("", `  ${statement}`);
  const verdict =
    answer.kind === "key"
      ? `key ${keyId(answer.spki)}, ${answer.trust ?? "no"} trust${kid === undefined ? DECOY : ""}`
      : answer.kind === "fail"
        ? `fail ${answer.reason}: ${answer.detail}`
        : `temperror: ${answer.detail}`;
  return [`${encodeAddress(identity)}`, ...lines, "", verdict].join("\n");
}

function json({ answer, statement, trail }: LookupReport): string {
  const shown =
    answer.kind === "key"
      ? { ...answer, spki: Buffer.from(answer.spki).toString("base64"), kid: keyId(answer.spki) }
      : answer;
  return JSON.stringify({ answer: shown, statement, trail });
}

function exitStatus({ answer }: LookupReport): number {
  if (answer.kind === "key") return EXIT.ok;
  return answer.kind === "temperror" ? EXIT.temporary : EXIT.notPass;
}
