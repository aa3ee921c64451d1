import type { DkimSigners, Vault } from "../signing/index.ts";
import type { Spool } from "../spool/index.ts";

/** What passing on works with. */
export interface Tools {
  /** Null: nobody signs here. */
  readonly vault: Vault | null;
  /** As for users' mail (STP-1). */
  readonly staple: boolean;
  readonly dkim: DkimSigners;
  /** Where large bodies go. */
  readonly spool: Pick<Spool, "receive">;
  /** Unix milliseconds. */
  readonly now: () => number;
}
