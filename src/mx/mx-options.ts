import type { DomainSettings } from "../border/index.ts";
import type { PolicySettings, QuarantineSettings } from "../config/index.ts";
import type { Queue } from "../queue/index.ts";
import type { Spool } from "../spool/index.ts";
import type { BounceCheck, Verification } from "../verification/index.ts";
import type { MxEvent, MxRefusal } from "./mx-event.ts";

/** Does this host take mail for an address? */
export type MailboxAnswer =
  | { readonly kind: "accepted"; readonly settings: DomainSettings }
  | { readonly kind: "unknown" }
  | { readonly kind: "not-hosted" };

export interface MxOptions {
  /** This host's name, in Received and as id in Authentication-Results. */
  readonly hostname: string;
  /** The operator's further hosts: nobody outside may write results in their names either (REC-2). None unless given. */
  readonly otherHosts?: readonly string[];
  /** Who gets what is for `<Postmaster>` and postmaster@`hostname`. Without this the latter, if it is hosted. */
  readonly postmaster?: string;
  /** @param localPart canonical, unencoded */
  readonly mailbox: (localPart: string, domain: string) => MailboxAnswer;
  readonly verification: Pick<Verification, "verify">;
  /** Tells bounces of what we never sent (NBR-4); null where all are taken. */
  readonly bounces?: Pick<BounceCheck, "isForged"> | null;
  /** How mail to all domains is treated. */
  readonly policy: PolicySettings;
  /** What becomes of what is kept from its recipients. */
  readonly quarantine: Pick<QuarantineSettings, "into" | "keepMs">;
  readonly queue: Pick<Queue, "enqueueOnce" | "seen">;
  /** Where the bodies of large messages go. */
  readonly spool: Pick<Spool, "receive" | "memoryOctets">;
  readonly clock?: { now(): number };
  /** Octets held in memory for messages in all sessions together; further ones are answered 452. */
  readonly bufferOctets?: number;
  readonly onEvent?: (event: MxEvent) => void;
  readonly onRefused?: (refusal: MxRefusal) => void;
}
