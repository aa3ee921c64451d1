import { statSync } from "node:fs";
import { join } from "node:path";
import { type Config, findExpansion, type HostedDomain, type Mailboxes } from "../config/index.ts";
import type { MailboxAnswer } from "../mx/index.ts";

/** The Maildir of a hosted address; null when nobody has it. */
export function maildirOf(mailboxes: Mailboxes, localPart: string): string | null {
  const listed = mailboxes.listed.get(localPart);
  if (listed !== undefined) return listed;
  if (mailboxes.root !== null && isFolderName(localPart)) {
    const folder = join(mailboxes.root, localPart);
    if (isFolder(folder)) return folder;
  }
  return mailboxes.catchAll;
}

/** Whether the MX takes mail for an address, and how that domain's mail is judged. */
export function mailboxAnswers(config: Config): (localPart: string, domain: string) => MailboxAnswer {
  const domains = new Map(config.domains.map((domain) => [domain.name, domain]));
  const accepted = new Map(
    config.domains.map(({ name, policy }) => [
      name,
      { kind: "accepted", settings: { name, ...policy } } as const,
    ]),
  );
  return (localPart, name) => {
    const domain = domains.get(name);
    if (domain === undefined) return { kind: "not-hosted" };
    return (hasMailbox(domain, localPart) && accepted.get(name)) || { kind: "unknown" };
  };
}

/** Who is this host's postmaster: where its name is no domain of ours, the first domain's that has one. */
export function postmasterOf({ hostname, domains }: Config): string {
  const names = domains.map(({ name }) => name);
  const first = domains.find((domain) => hasMailbox(domain, "postmaster"))?.name;
  return `postmaster@${names.includes(hostname) ? hostname : (first ?? hostname)}`;
}

function hasMailbox(domain: HostedDomain, localPart: string): boolean {
  const expansion = findExpansion(domain, localPart);
  if (expansion !== null && !(expansion.kind === "forward" && expansion.forward.keep)) return true;
  const { target } = domain;
  // What an inner server has it says itself; it is asked when the message is handed on.
  return target.kind === "next-hop" || maildirOf(target.mailboxes, localPart) !== null;
}

/** A name that stays inside its folder: a local part comes from the network. */
function isFolderName(localPart: string): boolean {
  return !localPart.startsWith(".") && !/[/\\\0]/.test(localPart);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
