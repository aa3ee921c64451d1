import { join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { EnrolmentMode, EnrolmentRecord, Keyring } from "../../keyring/index.ts";
import { administer } from "../administration/administer.ts";
import { findAccount } from "../administration/find-account.ts";
import { findDomain } from "../administration/find-domain.ts";
import { succeeded } from "../administration/succeeded.ts";
import { collect } from "../arguments.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";
import { makeClientCertificate, pinOf } from "./client-certificate.ts";
import { enrolmentFields, enrolmentObject } from "./enrolment-object.ts";

interface Options {
  readonly domain?: readonly string[];
  readonly account?: readonly string[];
  readonly all?: boolean;
  readonly mode?: readonly EnrolmentMode[];
  readonly assert?: boolean;
  readonly certificate?: string;
  readonly out?: string;
  readonly unixUser?: string;
  readonly unixGroup?: string;
}

const MODES: readonly EnrolmentMode[] = ["sign", "getkey"];

export function defineAdd(parent: Command, done: Done): void {
  const command = parent
    .command("add NAME")
    .description("let a submission server use accounts' keys over the private interface")
    .option("--domain NAME", "it may sign for the accounts of this domain; may be repeated", collect)
    .option("--account ADDRESS", "it may sign for this account; may be repeated", collect)
    .option("--all", "it may sign for every account")
    .option(
      "--mode MODES",
      'what it may ask for: "sign" (default), "getkey", or both with a comma',
      modesArgument,
    )
    .option("--assert", "it may also act for users whom it authenticated itself, without their passwords")
    .option("--certificate FILE", "how it proves itself: the certificate (PEM) that it has")
    .option("--out DIR", "or: make a key and a certificate in DIR, to be moved to it")
    .option("--unix-user USER", "or: it runs on this machine as USER, and gets a Unix socket of its own")
    .option("--unix-group GROUP", "or: the same for all members of GROUP");
  administer(command, done, {
    about: [
      "In mode sign the server can sign only for users who are logged in through it, and never sees a private key: if it is broken into, no key is lost. In mode getkey it is given the key for a while, which survives a short outage of the key server (PRV-16). A contractor who sends for one account gets --account and mode sign (PRV-3).",
      "The certificate is known by its public key: who issued it and until when it is valid does not count. An enrolment ends when it is removed.",
    ],
    examples: [
      ["vsmtp enroll add submit1 --all --out submit1", "makes submit1.key and submit1.crt; move them there"],
      ["vsmtp enroll add mailer --account news@example.org --certificate mailer.crt", "a contractor"],
      ["vsmtp enroll add local --domain example.org --unix-user vsmtp-submission", "on this machine"],
    ],
    json: {
      ...enrolmentFields,
      certificate_file: "where the certificate is that was made; null: none was",
      key_file: "where its private key is; null: none was made",
      socket: "the Unix socket it connects to; null: none, or [vault] names no socket_directory",
    },
    async run({ keyring, config, printer }, options: Options, name: string) {
      const scope = options.all ? ["*"] : await scopeOf(keyring, options);
      if (scope.length === 0)
        throw new UsageError("say whose accounts: --domain NAME, --account ADDRESS, or --all");
      const { certificate, out, unixUser, unixGroup } = options;
      if ([certificate, out, unixUser, unixGroup].filter((one) => one !== undefined).length !== 1) {
        throw new UsageError(
          "say how it proves itself, in one way: --certificate FILE, --out DIR, --unix-user USER or --unix-group GROUP",
        );
      }
      const enrolments = await keyring.enrolments();
      if (enrolments.some((one) => one.name === name)) {
        throw new UsageError(`${name} is enrolled already; vsmtp enroll remove ${name} ends that`);
      }
      const made = out === undefined ? null : await makeClientCertificate(name, out);
      const certificateFile = certificate ?? made?.certificateFile;
      const proof: EnrolmentRecord["proof"] =
        certificateFile === undefined
          ? { kind: "unix-socket", user: unixUser ?? null, group: unixGroup ?? null }
          : { kind: "certificate", spkiSha256: pinOf(certificateFile) };
      const twin = enrolments.find(
        (one) =>
          one.proof.kind === "certificate" &&
          proof.kind === "certificate" &&
          one.proof.spkiSha256 === proof.spkiSha256,
      );
      if (twin)
        throw new UsageError(`${certificateFile}: ${twin.name} is enrolled with this certificate already`);
      const { enrolment } = succeeded(
        await keyring.enrol({
          name,
          proof,
          scope,
          modes: options.mode ?? ["sign"],
          mayAssert: options.assert === true,
        }),
      );
      const lines = [
        `${name} is enrolled: ${enrolment.modes.join(" and ")} for ${options.all ? "every account" : enrolment.scope.join(", ")}${enrolment.mayAssert ? ", with ASSERT" : ""}`,
      ];
      if (made) {
        lines.push(
          `certificate  ${made.certificateFile}`,
          `key          ${made.keyFile}   (move it, keep no copy)`,
        );
      }
      const folder = proof.kind === "unix-socket" ? config.vault.socketDirectory : null;
      const socket = folder && join(folder, `${name}.sock`);
      if (proof.kind === "unix-socket")
        lines.push(`socket       ${socket ?? "none before the settings have a socket_directory in [vault]"}`);
      await printer.print(
        {
          ...enrolmentObject(enrolment),
          certificate_file: made?.certificateFile ?? null,
          key_file: made?.keyFile ?? null,
          socket,
        },
        lines.join("\n"),
      );
    },
  });
}

/** A mistyped name would be enrolled for nobody, or for whoever comes to have it. */
async function scopeOf(keyring: Keyring, { domain = [], account = [] }: Options): Promise<string[]> {
  const scope: string[] = [];
  for (const name of domain) scope.push((await findDomain(keyring, name)).name);
  for (const name of account) {
    const { primaryAddress } = await findAccount(keyring, name);
    scope.push(name.includes("@") ? name : primaryAddress);
  }
  return scope;
}

function modesArgument(text: string): readonly EnrolmentMode[] {
  return text.split(",").map((word) => {
    const mode = MODES.find((one) => one === word);
    if (!mode) throw new InvalidArgumentError("It must be sign, getkey, or sign,getkey.");
    return mode;
  });
}
