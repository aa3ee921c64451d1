import { createPublicKey } from "node:crypto";
import { type Command, InvalidArgumentError } from "commander";
import { formatStatement } from "../../key-protocol/index.ts";
import type { KeyRecord, Keyring } from "../../keyring/index.ts";
import { encodeAddress, parseAddress } from "../../message/index.ts";
import { administer } from "../administration/administer.ts";
import { findAccount } from "../administration/find-account.ts";
import { unixNow } from "../arguments.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";
import { findKey } from "./find-key.ts";

const FORMATS = ["pem", "spki", "jwk", "statement"] as const;
type Format = (typeof FORMATS)[number];

const YEAR_S = 31_536_000;
const DAY_S = 86_400;

export function defineExport(parent: Command, done: Done): void {
  const command = parent
    .command("export KEY")
    .description("print a public key: KEY is a key id, or an address for its active key")
    .option("--format FORMAT", `one of ${FORMATS.join(", ")} (pem)`, formatArgument);
  administer(command, done, {
    about: [
      "spki is base64 of DER, as key statements have it in p. statement is an unsigned key statement that holds for a day, for vsmtp verify --statements where there is no network. Private keys cannot be exported.",
    ],
    examples: [
      ["vsmtp key export alice@example.org", "her active key, as a PEM file"],
      [
        "vsmtp key export alice@example.org --format statement > statements",
        "for vsmtp verify --statements statements",
      ],
    ],
    json: {
      address: "the primary address of the key's account",
      kid: "the key's id",
      algorithm: "of its signatures",
      state: "active, retired or revoked",
      spki: "base64 of DER",
      pem: "the same as a PEM file",
      jwk: "the same as a JSON Web Key (RFC 8037), its kid included",
      statement: "an unsigned key statement that holds for a day",
    },
    async run({ keyring, printer }, { format = "pem" }: { readonly format?: Format }, text: string) {
      const key = text.includes("@") ? await activeKey(keyring, text) : await findKey(keyring, text);
      const account = await keyring.account(key.accountId);
      const address = account?.primaryAddress ?? "";
      const publicKey = createPublicKey({ key: Buffer.from(key.spki), format: "der", type: "spki" });
      const forms = {
        spki: Buffer.from(key.spki).toString("base64"),
        pem: publicKey.export({ format: "pem", type: "spki" }).toString(),
        jwk: { ...publicKey.export({ format: "jwk" }), kid: key.kid },
        statement: statementOf(address, key, account?.state === "suspended"),
      };
      const { kid, algorithm, state } = key;
      const shown = forms[format];
      await printer.print(
        { address, kid, algorithm, state, ...forms },
        typeof shown === "string" ? shown.trimEnd() : JSON.stringify(shown),
      );
    },
  });
}

async function activeKey(keyring: Keyring, address: string): Promise<KeyRecord> {
  const { id, primaryAddress } = await findAccount(keyring, address);
  const key = (await keyring.keyHistory(id)).find(({ state }) => state === "active");
  if (!key) throw new UsageError(`${primaryAddress} has no active key`);
  return key;
}

function statementOf(address: string, key: KeyRecord, suspended: boolean): string {
  const now = unixNow();
  const parsed = parseAddress(address);
  return formatStatement({
    identity: parsed.ok ? encodeAddress(parsed.address) : address,
    kid: key.kid,
    algorithm: key.algorithm,
    state: suspended && key.state !== "revoked" ? "suspended" : key.state,
    notBefore: key.notBefore,
    notAfter: key.notAfter ?? now + YEAR_S,
    issuedAt: now,
    ttlSeconds: DAY_S,
    staleSeconds: 0,
    grants: [],
    spki: key.spki,
  });
}

function formatArgument(text: string): Format {
  const format = FORMATS.find((one) => one === text);
  if (!format) throw new InvalidArgumentError(`It must be one of ${FORMATS.join(", ")}.`);
  return format;
}
