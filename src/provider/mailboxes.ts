import { statSync } from "node:fs";
import { join } from "node:path";
import type { DomainSettings } from "../border/index.ts";
import {
  type Actions,
  type Config,
  findExpansion,
  type HostedDomain,
  type Mailboxes,
  outcomes,
} from "../config/index.ts";
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
  const answers = (special: Partial<DomainSettings>): ReadonlyMap<string, MailboxAnswer> =>
    new Map(
      config.domains.map(({ name, policy }) => [
        name,
        { kind: "accepted", settings: { name, ...policy, ...special } },
      ]),
    );
  const accepted = answers({});
  const ofProved = answers({ actions: PROVED_ONLY, senders: [], excusesNobody: true });
  return (localPart, name) => {
    const domain = domains.get(name);
    if (domain === undefined) return { kind: "not-hosted" };
    const takesReports = config.reports.receive.has(`${localPart}@${name}`);
    if (!takesReports && !hasMailbox(domain, localPart)) return { kind: "unknown" };
    const provedOnly = isForMembers(domain, localPart) || (takesReports && !hasOwnMailbox(domain, localPart));
    return (provedOnly ? ofProved : accepted).get(name) ?? { kind: "unknown" };
  };
}

/**
 * What is no pass is refused in the session where a list takes mail of members only, or an address takes reports (REP-8): it
 * cannot be told who wrote it, and nobody could be told later (ACT-2).
 */
const PROVED_ONLY: Actions = Object.fromEntries(
  outcomes
    .filter((outcome) => outcome !== "pass")
    .map((outcome) => [outcome, outcome === "temperror" || outcome === "unavailable" ? "defer" : "reject"]),
);

function isForMembers(domain: HostedDomain, localPart: string): boolean {
  const expansion = findExpansion(domain, localPart);
  return expansion?.kind === "list" && expansion.list.posts === "members";
}

/**
 * Whether somebody reads the mail to an address here: no list, whose members are many, and nothing that only a catch-all
 * takes, since there is no end to such addresses.
 */
export function readersOf({
  domains,
}: Pick<Config, "domains">): (localPart: string, domain: string) => boolean {
  return (localPart, name) => {
    const domain = domains.find((one) => one.name === name);
    if (domain === undefined) return false;
    const expansion = findExpansion(domain, localPart);
    if (expansion !== null) return expansion.kind === "forward";
    return domain.target.kind === "next-hop" || hasOwnMailbox(domain, localPart);
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

/** Whether an address has a Maildir here that is not that of all other names. */
export function hasOwnMailbox({ target }: HostedDomain, localPart: string): boolean {
  return target.kind === "maildir" && maildirOf({ ...target.mailboxes, catchAll: null }, localPart) !== null;
}

/** A name that stays inside its folder: a local part comes from the network. */
function isFolderName(localPart: string): boolean {
  return !localPart.startsWith(".") && !/[/\\\0]/.test(localPart);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
