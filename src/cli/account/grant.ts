import type { Command } from "commander";
import type { GrantKind, GrantRecord } from "../../keyring/index.ts";
import { administer } from "../administration/administer.ts";
import { canonicalAddress, findAccount } from "../administration/find-account.ts";
import { domainName } from "../administration/find-domain.ts";
import { succeeded } from "../administration/succeeded.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";

interface Options {
  readonly sendAs?: boolean;
  readonly onBehalf?: boolean;
}

const fields = {
  address: "the primary address of the account that may write",
  kind: "send-as or on-behalf",
  target: "as whom: an address, or @ and a domain",
} as const;

/** `vsmtp account grant …`: leave to write as others (SUB-2, SUB-3). */
export function defineGrant(parent: Command, done: Done): void {
  const grant = parent.command("grant").description("leave to write as other addresses: add, remove, list");
  defineAdd(grant, done);
  defineRemove(grant, done);
  defineList(grant, done);
}

/** A grant's target as the command line writes it. */
export function targetText({ target }: GrantRecord): string {
  return "address" in target ? target.address : `@${target.domain}`;
}

/** What {@link targetText} makes of the grant. */
function canonicalTarget(text: string): string {
  return text.startsWith("@") ? `@${domainName(text.slice(1))}` : canonicalAddress(text);
}

function addKindOptions(command: Command): Command {
  return command
    .option("--send-as", "it signs as the target, which must be an account's address here")
    .option("--on-behalf", "it writes From the target, with its own address in Sender");
}

function kindOf({ sendAs, onBehalf }: Options): GrantKind {
  if (sendAs === onBehalf) throw new UsageError("say one of --send-as and --on-behalf");
  return sendAs ? "send-as" : "on-behalf";
}

function defineAdd(parent: Command, done: Done): void {
  const command = parent
    .command("add ADDRESS TARGET")
    .description("let an account write as an address or a domain");
  administer(addKindOptions(command), done, {
    about: [
      "With --send-as recipients see no difference: the mail is signed with the key of the target's own account. With --on-behalf they see who wrote it, in Sender. The target @example.org means every address of the domain.",
    ],
    examples: [
      ["vsmtp account grant add bob@example.org info@example.org --send-as", "Bob answers as info@"],
      ["vsmtp account grant add secretary@example.org @example.org --on-behalf", "writes for everybody"],
    ],
    json: fields,
    async run({ keyring, printer }, options: Options, address: string, written: string) {
      const kind = kindOf(options);
      const target = canonicalTarget(written);
      const { id, primaryAddress } = await findAccount(keyring, address);
      succeeded(await keyring.grant(id, { kind, target }));
      const may = kind === "send-as" ? "sign as" : "write on behalf of";
      await printer.print(
        { address: primaryAddress, kind, target },
        `${primaryAddress} may ${may} ${target} now`,
      );
    },
  });
}

function defineRemove(parent: Command, done: Done): void {
  const command = parent.command("remove ADDRESS TARGET").description("take a grant back");
  administer(addKindOptions(command), done, {
    examples: [["vsmtp account grant remove bob@example.org info@example.org --send-as", "as it was added"]],
    json: fields,
    async run({ keyring, printer }, options: Options, address: string, written: string) {
      const kind = kindOf(options);
      const target = canonicalTarget(written);
      const { id, primaryAddress } = await findAccount(keyring, address);
      succeeded(await keyring.withdraw(id, { kind, target }));
      const mayNot = kind === "send-as" ? "sign as" : "write on behalf of";
      await printer.print(
        { address: primaryAddress, kind, target },
        `${primaryAddress} may ${mayNot} ${target} no longer`,
      );
    },
  });
}

function defineList(parent: Command, done: Done): void {
  administer(parent.command("list ADDRESS").description("list as whom an account may write"), done, {
    examples: [["vsmtp account grant list bob@example.org", "beside his own addresses"]],
    json: fields,
    async run({ keyring, printer }, _options: object, address: string) {
      const { id, primaryAddress } = await findAccount(keyring, address);
      const grants = (await keyring.rights(id))?.grants ?? [];
      await printer.printAll(grants, {
        json: (grant) => ({ address: primaryAddress, kind: grant.kind, target: targetText(grant) }),
        columns: [
          { heading: "MAY WRITE", cell: ({ kind }) => kind },
          { heading: "AS", cell: targetText },
        ],
        nothing: `${primaryAddress} may write as its own addresses only`,
      });
    },
  });
}
