import type { NextHop } from "./next-hop.ts";
import type { DomainPolicySettings } from "./policy-settings.ts";

export interface HostedDomain {
  /** A-labels, lower case. */
  readonly name: string;
  /** Mail goes to Maildirs here, or on to an inner server. */
  readonly target:
    | { readonly kind: "maildir"; readonly mailboxes: Mailboxes }
    | { readonly kind: "next-hop"; readonly nextHop: NextHop };
  /** Addresses that stand for others, by canonical local part; they come before mailboxes of that name. */
  readonly forwards: ReadonlyMap<string, Forward>;
  readonly lists: ReadonlyMap<string, MailingList>;
  readonly policy: DomainPolicySettings;
}

/** Mail goes on to other addresses, here or elsewhere. */
export interface Forward {
  /** `local@domain`, the domain in A-labels and lower case. */
  readonly to: readonly string[];
  /** It stays in the mailbox of that name, too. */
  readonly keep: boolean;
}

/** An address whose mail goes to all members, with a header of the list's own (CUS-6). */
export interface MailingList {
  readonly members:
    | { readonly kind: "listed"; readonly addresses: readonly string[] }
    /** One address a line. */
    | { readonly kind: "file"; readonly path: string };
  /** Who may write to it: members whose signatures pass, or everybody. */
  readonly posts: "members" | "anyone";
  /** Whom posts are From: the list, the author with the list in Sender, or what the author's domain bears. */
  readonly from: "auto" | "rewrite" | "sender";
  /** Stands before subjects, such as `[team]`; null for nothing. */
  readonly subjectPrefix: string | null;
  /** Gets what comes back, and what members ask; null: it is dropped. */
  readonly owner: string | null;
}

export interface Mailboxes {
  /** Maildir by canonical local part (unencoded, ASCII in lower case). */
  readonly listed: ReadonlyMap<string, string>;
  /** Where each folder is the Maildir of the local part that is its name. */
  readonly root: string | null;
  /** Maildir of all other local parts; null: there are none. */
  readonly catchAll: string | null;
}
