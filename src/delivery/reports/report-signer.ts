import type { NewMessage } from "../../queue/index.ts";

/** A report that is to be signed by a role account, which its From names (NBR-2). */
export interface ReportOrder {
  /** Who gets it: the reverse path of the message. */
  readonly recipient: string;
  /** Whose role account may sign it: the sender's domain, or the one that mail from elsewhere was for. */
  readonly domain: string;
  /** The message was taken with SMTPUTF8, so its sender can take that too. */
  readonly smtputf8: boolean;
  /** Its message was to travel inside TLS only; so is what comes of it (RFC 8689 §5). */
  readonly requireTls: boolean;
  /** It has waited for its signature long enough: it goes without, if need be. */
  readonly overdue: boolean;
  /** The whole report with that From, CRLF line ends. */
  compose(from: string): Buffer;
}

export type SignedReport =
  /** To be queued; its reverse path is empty, so nothing ever comes back (RFC 5321 §4.5.5). */
  | { readonly kind: "ready"; readonly messages: readonly NewMessage[]; readonly signedBy: string | null }
  /** It cannot be signed now, and is not sent unsigned yet. */
  | { readonly kind: "later"; readonly cause: unknown };

/** What delivery needs of whoever signs reports. */
export interface ReportSigner {
  /** Never rejects. */
  sign(order: ReportOrder): Promise<SignedReport>;
  /** Whether an address is that of a role account that writes reports: it gets none. */
  isRole(address: string): boolean;
}
