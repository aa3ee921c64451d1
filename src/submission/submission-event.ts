import type { MessageId } from "../queue/index.ts";
import type { LoginStep } from "../signing/index.ts";
import type { Reply } from "../smtp/index.ts";

/**
 * What happens at a submission server: its side of the audit (PRV-20), for logs. No message text, no secrets (PRV-21).
 */
export type SubmissionEvent =
  /** A login came to its end. */
  | {
      readonly kind: "login";
      readonly session: string;
      /** The user's network address. */
      readonly client: string;
      readonly mechanism: string;
      /** Null unless somebody is logged in. */
      readonly account: string | null;
      readonly outcome: Exclude<LoginStep["kind"], "challenge">;
      /** Why the vault could not be asked; null otherwise. */
      readonly cause: unknown;
    }
  | {
      readonly kind: "queued";
      readonly session: string;
      readonly client: string;
      readonly account: string;
      /** As in `i`. */
      readonly identity: string;
      readonly kids: readonly string[];
      /** As in the vault's audit log. */
      readonly messageIdHash: string | null;
      /** One for each copy. */
      readonly ids: readonly MessageId[];
      readonly recipientCount: number;
      /** Forward paths. Not for the program's log (SPEC §10.2): the mail log finds messages by them. */
      readonly recipients: readonly string[];
      readonly octets: number;
    }
  | {
      readonly kind: "refused";
      readonly session: string;
      readonly client: string;
      readonly account: string;
      readonly reply: Reply;
      /** What failed on our side; null where the user or the message was at fault. */
      readonly cause: unknown;
    };
