import type { Forward, MailingList } from "./hosted-domain.ts";
import { formatPath, type Report } from "./problems.ts";
import { resolveFile } from "./resolve-file.ts";
import type { Settings } from "./schema.ts";
import type { SettingPath } from "./toml-lines.ts";

type Written = Settings["domains"][number];

/** What a list's name is followed by in the addresses beside it. */
export const LIST_SUFFIXES = ["-bounces", "-owner"] as const;
/** So that these fit behind it (RFC 5321 §4.5.3.1.1). */
const MAX_LIST_NAME = 50;

/** A local part, or an address whose domain is canonical, as it is compared. */
export function canonicalLocalPart(name: string): string {
  return name.normalize("NFC").replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

export function buildForwards(
  { name: domain, forwards: written }: Written,
  path: SettingPath,
  report: Report,
): ReadonlyMap<string, Forward> {
  const forwards = new Map<string, Forward>();
  for (const [name, { to, keep }] of Object.entries(written)) {
    const at = [...path, "forwards", name];
    const localPart = canonicalLocalPart(name);
    if (name.includes("@")) report(at, `${formatPath(at)} must be the part before the "@" only`);
    if (forwards.has(localPart)) report(at, `${formatPath(at)} is there already in other letters`);
    if (to.some((address) => canonicalLocalPart(address) === `${localPart}@${domain}`)) {
      report(at, `${formatPath(at)} names itself; to keep its mail in the mailbox as well, set keep = true`);
    }
    forwards.set(localPart, { to: [...new Set(to)], keep });
  }
  return forwards;
}

/**
 * The lists of a domain.
 *
 * @param folder where the settings file is; members' files count from there
 */
export function buildLists(
  { lists: written, forwards }: Written,
  path: SettingPath,
  folder: string,
  report: Report,
): ReadonlyMap<string, MailingList> {
  const lists = new Map<string, MailingList>();
  const others = new Set(Object.keys(forwards).map(canonicalLocalPart));
  for (const [name, list] of Object.entries(written)) {
    const at = [...path, "lists", name];
    const localPart = canonicalLocalPart(name);
    // It goes into List-Id as a label, and into addresses.
    if (!/^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/.test(localPart) || localPart.length > MAX_LIST_NAME) {
      report(at, `${formatPath(at)} must be a name of letters, digits, ".", "-" and "_"`);
    }
    const taken = [localPart, ...LIST_SUFFIXES.map((suffix) => `${localPart}${suffix}`)].find(
      (one) => others.has(one) || lists.has(one),
    );
    if (taken !== undefined) report(at, `${formatPath(at)}: ${taken} is a forward or another list already`);
    const { members, members_file: file, posts, from, subject_prefix: prefix, owner } = list;
    if ((members === undefined) === (file === undefined)) {
      report(at, `${formatPath(at)} needs either members or members_file`);
    }
    lists.set(localPart, {
      members:
        file === undefined
          ? { kind: "listed", addresses: members ?? [] }
          : { kind: "file", path: resolveFile({ kind: "file", path: file }, folder).path },
      posts,
      from,
      subjectPrefix: prefix ?? null,
      owner: owner ?? null,
    });
  }
  return lists;
}
