import type { PolicySettings } from "../config/index.ts";
import { formatAuthenticationResults, type Header, type HeaderEdit } from "../message/index.ts";
import type { ReceivedMessage } from "../reception/index.ts";
import { fromDomains, type ScannedMessage } from "../signature/index.ts";
import { SpoolError } from "../spool/index.ts";
import {
  authenticationResult,
  type BounceCheck,
  type Decision,
  decideAction,
  type Transaction,
  type Verification,
  type Verified,
} from "../verification/index.ts";
import { borderEdits } from "./border-edits.ts";
import type { DomainSettings } from "./domain-settings.ts";
import { Rulebook } from "./rulebook.ts";
import { tagFieldNames, tagFields } from "./tag-fields.ts";
import { TrustedSources } from "./trusted-sources.ts";

export interface BorderOptions {
  /** The id in Authentication-Results: this host's name. */
  readonly hostname: string;
  /** The operator's further hosts: nobody outside may write results in their names either (REC-2). None unless given. */
  readonly otherHosts?: readonly string[];
  readonly verification: Pick<Verification, "verify">;
  /** Tells bounces of what we never sent (NBR-4); null where all are taken. */
  readonly bounces?: Pick<BounceCheck, "isForged"> | null;
  /** How mail to all domains is treated. */
  readonly policy: PolicySettings;
}

/** How a message came: what the SMTP transaction says, whoever held it. */
export type Arrival = Omit<Transaction, "body">;

/** What was found out of a message. */
export interface Judged extends Verified {
  /** It reports a failure of mail that nobody here signed, and that is to be refused. */
  readonly forgedBounce: boolean;
}

/**
 * Where mail of others comes in: who sent a message, what is done with it, and what of both is written into it. How it came
 * and where it goes is the host's: an SMTP server, a milter, another program.
 */
export class Border {
  readonly #options: BorderOptions;
  readonly #authservIds: readonly string[];
  readonly #trusted: TrustedSources;
  readonly #rulebook: Rulebook;
  readonly #ours: ReadonlySet<string>;

  constructor(options: BorderOptions) {
    this.#options = options;
    this.#authservIds = [options.hostname, ...(options.otherHosts ?? [])];
    this.#trusted = new TrustedSources(options.policy.trusted);
    this.#rulebook = new Rulebook(options.policy);
    this.#ours = tagFieldNames(options.policy.tag);
  }

  /** Every check is made inside the session (VER-13). */
  async judge(message: Pick<ReceivedMessage, "scanned" | "readBody">, arrival: Arrival): Promise<Judged> {
    const transaction: Transaction = { ...arrival, body: () => message.readBody() };
    const [verified, forgedBounce] = await Promise.all([
      this.#options.verification.verify(message.scanned, transaction),
      this.#isForgedBounce(message.scanned, transaction),
    ]);
    return { ...verified, forgedBounce };
  }

  /**
   * What is done with it. The envelope has a say through its recipients, never through its reverse path (NBR-3).
   *
   * @param domain of the recipients
   * @param repeated they have it already (RPL-2)
   */
  decide(
    { header, index }: ScannedMessage,
    { client }: Pick<Arrival, "client">,
    judged: Judged,
    domain: DomainSettings,
    repeated: boolean,
  ): Decision {
    const { policy } = this.#options;
    const { verdict, forgedBounce } = judged;
    const from = () => fromDomains(header, index);
    const excuses = !domain.excusesNobody;
    return decideAction(verdict, {
      rules: this.#rulebook.rulesFor(domain, from, verdict.rcpt === "mismatch"),
      policy: judged.policy,
      trusted: excuses ? this.#trusted.nameOf(client.address, judged) : null,
      dmarc: policy.dmarcOverrides && excuses ? dmarcDomain(judged, from) : null,
      mismatch: policy.mismatch,
      repeated,
      replays: policy.replays,
      forgedBounce,
    });
  }

  /** Our own fields, which go above everything that came (REC-1; RFC 8601 §7.1: above the Received field they belong to). */
  fields({ verdict, neighbours }: Verified, decision: Decision): Buffer {
    const results = formatAuthenticationResults(this.#options.hostname, [
      authenticationResult(verdict, decision),
      ...(neighbours?.recorded ?? []),
    ]);
    return Buffer.concat([results, Buffer.from(tagFields(decision, verdict, this.#options.policy.tag))]);
  }

  /** What becomes of the fields that came: those that only we may write go (REC-2), and tagged mail may have a word in its subject. */
  edits(header: Header, { action }: Pick<Decision, "action">): HeaderEdit[] {
    return borderEdits(header, {
      authservIds: this.#authservIds,
      ours: this.#ours,
      subjectPrefix: action === "tag" ? this.#options.policy.tag.subject : null,
    });
  }

  async #isForgedBounce(message: ScannedMessage, transaction: Transaction): Promise<boolean> {
    const { bounces = null } = this.#options;
    if (bounces === null || transaction.reversePath !== "") return false;
    try {
      return await bounces.isForged(message, transaction);
    } catch (error) {
      // Whoever passes the message on hears of the spool, too.
      if (error instanceof SpoolError) return false;
      throw error;
    }
  }
}

/** The From domain that passes DMARC: the only one that we, too, read there. */
function dmarcDomain({ neighbours }: Verified, from: () => readonly string[]): string | null {
  if (neighbours?.dmarc.result !== "pass") return null;
  const [domain, ...others] = from();
  return domain === neighbours.dmarc.domain && others.length === 0 ? domain : null;
}
