import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { dnsPolicySource } from "../../dns/index.ts";
import type { Network } from "../../provider/index.ts";
import {
  abuseMail,
  complaintAbout,
  type MailOptions,
  reportedDomainOf,
  whyNotSentTo,
} from "../../reports/index.ts";
import { storeCommand } from "../administration/store-command.ts";
import { readNamedFile } from "../arguments.ts";
import { EndError } from "../end-error.ts";
import { EXIT } from "../exit-status.ts";
import { programVersion } from "../program-version.ts";
import type { Done } from "../run-command.ts";
import { writeOut } from "../standard-output.ts";
import { shownText } from "../terminal-text.ts";
import { UsageError } from "../usage-error.ts";
import { reporting } from "./reporting.ts";

interface Options {
  readonly dryRun?: boolean;
}

const fields = {
  identity: "who sent the message, percent-encoded as in its signature",
  kid: "id of the key that signed it",
  to: "where the complaint goes",
  queued: "its id in the queue; null with --dry-run",
  mail: "with --dry-run the complaint; else null",
};

export function defineSpam(parent: Command, done: Done): void {
  const command = parent
    .command("spam FILE")
    .description("complain of a message in a mailbox to whoever runs the account that sent it")
    .option("--dry-run", "print the complaint, and send nothing");
  storeCommand(reporting, command, done, {
    about: [
      "FILE is the message as it stands in a mailbox here (- for standard input). The Authentication-Results field of this host in it must say vsmtp=pass: then the account is known that sent it, and its provider can prove that from the message itself. Take the file from the mailbox, not from what somebody passed on, for he could have written that field.",
      "The complaint is a feedback report (ARF) in the name of mailer-daemon. It goes to the address that rua in the domain's record names, else to abuse@ of the domain, and shows the message, without what was written above it here.",
    ],
    examples: [
      ["vsmtp report spam mail/example.org/alice/cur/1795564800.V1M85:2,S", "spam that a user shows you"],
      ["vsmtp report spam --dry-run - < message", "see what would be sent"],
    ],
    json: fields,
    async run({ config, network, openMail, json, printer }, { dryRun }: Options, file: string) {
      const complaint = complaintAbout(readMessage(file), config.hostname);
      if (!complaint.ok) throw new EndError(`${file}: ${complaint.problem}`, EXIT.notPass);
      const { report } = complaint;
      const { identity, kid, domain } = report;
      if (config.domains.some(({ name }) => name === domain)) {
        throw new UsageError(`${identity} is an account of this host: vsmtp account suspend stops it`);
      }
      const to = await complaintAddress(domain, network);
      const { hostname } = config;
      const userAgent = `VSMTP/${programVersion()}`;
      const compose = (frame: Pick<MailOptions, "from" | "id" | "now">): Buffer =>
        abuseMail(report, { ...frame, to, hostname, userAgent });
      if (dryRun) {
        const from = `mailer-daemon@${config.reports.domain}`;
        const mail = compose({ from, id: "dry-run", now: Date.now() });
        if (json) await printer.print({ identity, kid, to, queued: null, mail: mail.toString() }, "");
        else await writeOut(process.stdout.isTTY ? shownText(mail.toString()) : mail);
        return;
      }
      await using open = await openMail();
      const sent = await open.mail.send(to, compose);
      if (sent.kind !== "queued") {
        const status = sent.kind === "later" ? EXIT.temporary : EXIT.usage;
        throw new EndError(`the complaint cannot be sent: ${sent.detail}`, status);
      }
      await printer.print(
        { identity, kid, to, queued: sent.id, mail: null },
        shownText(`complaint about ${identity} to ${to} queued as ${sent.id}`),
      );
    },
  });
}

/** Programs that store mail with bare LF are as many as those that keep CRLF. */
function readMessage(file: string): Buffer {
  const octets = file === "-" ? readFileSync(0) : readNamedFile(file);
  if (octets.includes("\r\n")) return octets;
  return Buffer.from(octets.toString("latin1").replaceAll("\n", "\r\n"), "latin1");
}

/** REP-4: where reports go, if that takes mail; else abuse@D. */
async function complaintAddress(domain: string, network: Network): Promise<string> {
  const answer = await reportedDomainOf(domain, dnsPolicySource(network.resolver));
  if (answer.kind === "failure") {
    throw new EndError(`the record of ${domain} cannot be looked up: ${answer.detail}`, EXIT.temporary);
  }
  if (answer.kind === "wanted") {
    const { owner } = answer;
    for (const destination of owner.destinations) {
      if (destination.kind !== "mail") continue;
      if ((await whyNotSentTo(owner.domain, destination, network.resolver)) === null)
        return destination.address;
    }
  }
  return `abuse@${domain}`;
}
