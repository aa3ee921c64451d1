import { resolve } from "node:path";
import { buildForwards, buildLists, canonicalLocalPart } from "./build-forwards.ts";
import { buildNextHop } from "./build-next-hop.ts";
import { buildDomainPolicy } from "./build-policy.ts";
import type { HostedDomain, Mailboxes } from "./hosted-domain.ts";
import { formatPath, type Report } from "./problems.ts";
import type { Settings } from "./schema.ts";
import type { SettingPath } from "./toml-lines.ts";

/** @param index in `settings.domains`. Files of the settings count from `folder`, Maildirs from `dataDirectory` */
export function buildDomain(
  settings: Settings,
  index: number,
  { folder, dataDirectory }: { readonly folder: string; readonly dataDirectory: string },
  report: Report,
): HostedDomain {
  const written = settings.domains[index] as Settings["domains"][number];
  const path = ["domains", index];
  if (settings.domains.findIndex(({ name }) => name === written.name) < index) {
    report([...path, "name"], `${written.name} has a [[domains]] table already; put all its settings there`);
  }
  const root = written.maildir_root === undefined ? null : resolve(dataDirectory, written.maildir_root);
  const mailboxes: Mailboxes = {
    listed: buildMailboxes(written.mailboxes, root ?? dataDirectory, [...path, "mailboxes"], report),
    root,
    catchAll: written.catch_all === undefined ? null : resolve(root ?? dataDirectory, written.catch_all),
  };
  const forwards = buildForwards(written, path, report);
  const lists = buildLists(written, path, folder, report);
  const hasMaildirs = root !== null || mailboxes.listed.size > 0 || mailboxes.catchAll !== null;
  const onward = (["next_hop", "lmtp"] as const).filter((name) => written[name] !== undefined);
  // A domain may have nothing but forwards and lists, or only say how its mail is judged where another server has it.
  const delivers = settings.roles.includes("mx") || settings.roles.includes("delivery");
  const isElsewhere = (forwards.size + lists.size > 0 || !delivers) && onward.length === 0;
  if (hasMaildirs === onward.length > 0 && !isElsewhere) {
    const problem = hasMaildirs ? `has both Maildirs and ${onward[0]}` : "has no place for its mail";
    report(
      [...path, onward[0] ?? "name"],
      `${written.name} ${problem}; set either maildir_root, mailboxes or catch_all, or next_hop or lmtp`,
    );
  }
  const nextHop = hasMaildirs || isElsewhere ? null : buildNextHop(written, path, folder, report);
  return {
    name: written.name,
    target: nextHop === null ? { kind: "maildir", mailboxes } : { kind: "next-hop", nextHop },
    forwards,
    lists,
    policy: buildDomainPolicy(written, path, report),
  };
}

function buildMailboxes(
  written: Readonly<Record<string, string>>,
  root: string,
  path: SettingPath,
  report: Report,
): ReadonlyMap<string, string> {
  const listed = new Map<string, string>();
  for (const [name, folder] of Object.entries(written)) {
    const localPart = canonicalLocalPart(name);
    if (name.includes("@"))
      report([...path, name], `${formatPath([...path, name])} must be the part before the "@" only`);
    if (listed.has(localPart))
      report([...path, name], `${formatPath([...path, name])} is there already in other letters`);
    listed.set(localPart, resolve(root, folder));
  }
  return listed;
}
