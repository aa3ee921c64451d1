import type { Command } from "commander";
import type { LookupReport } from "../key-lookup/index.ts";
import type { Address } from "../message/index.ts";
import { isId16 } from "../signature/index.ts";
import { explain } from "./administration/explain.ts";
import { addressArgument, unixNow } from "./arguments.ts";
import { EXIT } from "./exit-status.ts";
import { type Lookup, lookupFields, lookupObject } from "./lookup-object.ts";
import { lookupText } from "./lookup-text.ts";
import { addNetworkOptions, type NetworkOptions } from "./network-options.ts";
import { openInstallationLookup, openLookup } from "./open-key-lookup.ts";
import { shownJson, shownText } from "./terminal-text.ts";
import { UsageError } from "./usage-error.ts";

export { kidsAreNoOptions as arrange } from "./arguments.ts";

interface LookupOptions extends NetworkOptions {
  readonly config?: string;
  readonly json?: boolean;
}

/** `vsmtp lookup ADDR [KID]`: asks an address's key server as a receiver would, and shows every step. */
export function define(command: Command, done: (status: number) => void): void {
  explain(
    addNetworkOptions(
      command
        .argument("ADDR", "the address", addressArgument)
        .argument(
          "[KID]",
          "the key id, k= in a VSMTP-Signature; without it a server may answer with a decoy",
        ),
    )
      .option("--config FILE", "look it up as this installation does: its settings, and what it remembers")
      .option("--json", "one line of JSON"),
    {
      about: [
        "Shows what a receiver finds out on the way to a key: the domain's policy record, the servers in the order to try them, what was said, what the certificate proves, the statement, and how long it will be remembered.",
        "What a running server remembers of keys is its own; with --config the policy records that it has remembered count.",
      ],
      examples: [
        ["vsmtp lookup allice@isp.example FIH_rUKoiX6PoyILK0Uagg", "the key of a signature"],
        ["vsmtp lookup allice@isp.example --config /etc/vsmtp/vsmtp.toml", "as the server here would see it"],
      ],
      json: lookupFields,
    },
  ).action(async (identity: Address, kid: string | undefined, options: LookupOptions) => {
    if (kid !== undefined && !isId16(kid))
      throw new UsageError(`"${kid}" is no key id: 22 characters of base64url`);
    const { keys, policies, remembered } =
      options.config === undefined
        ? openLookup(options)
        : await openInstallationLookup(options.config, options);
    try {
      // Before the answer changes it.
      const memory = remembered(identity.domain);
      const question = { identity, kid: kid ?? null, algorithm: null, signedAt: null, now: unixNow() };
      const report = await keys.explain(question);
      const unsigned = await policies.policyFor(identity.domain);
      const lookup: Lookup = { identity, kid: kid ?? null, report, unsigned, memory };
      process.stdout.write(
        options.json ? `${shownJson(lookupObject(lookup))}\n` : `${shownText(lookupText(lookup))}\n`,
      );
      done(exitStatus(report));
    } finally {
      keys.close();
    }
  });
}

function exitStatus({ answer }: LookupReport): number {
  if (answer.kind === "key") return EXIT.ok;
  return answer.kind === "temperror" ? EXIT.temporary : EXIT.notPass;
}
