import type { Resolver } from "../dns/index.ts";
import type { Header } from "../message/index.ts";
import { type ArcOutcome, brokenChain, checkArc, NO_CHAIN } from "./arc.ts";
import type { NeighbourCheckOptions } from "./check-options.ts";
import { type DkimOutcome, dkimOutcome } from "./dkim.ts";
import { authorDomain, checkDmarc, type DmarcOutcome, dmarcOutcome } from "./dmarc.ts";
import { MessageDns } from "./message-dns.ts";
import type { NeighbourCheck, NeighbourQuestion, NeighbourResults } from "./neighbour-results.ts";
import { PublicKeys } from "./public-keys.ts";
import { verifySignatures } from "./signatures.ts";
import { checkSpf, type SpfOutcome, spfOutcome } from "./spf.ts";

/** SPF, DKIM, DMARC and ARC by mailauth. */
export class MailauthCheck implements NeighbourCheck {
  readonly #resolver: Resolver;
  readonly #hostname: string;
  readonly #deadlineMs: number;
  readonly #onFailure: (error: unknown) => void;
  readonly #publicKeys = new PublicKeys();

  constructor({ resolver, hostname, deadlineMs = 10_000, onFailure = () => {} }: NeighbourCheckOptions) {
    this.#resolver = resolver;
    this.#hostname = hostname;
    this.#deadlineMs = deadlineMs;
    this.#onFailure = onFailure;
  }

  async check(question: NeighbourQuestion): Promise<NeighbourResults> {
    const overdue = new AbortController();
    const timer = setTimeout(() => overdue.abort(), this.#deadlineMs);
    try {
      return await this.#check(question, overdue.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async #check(question: NeighbourQuestion, signal: AbortSignal): Promise<NeighbourResults> {
    const { resolve } = new MessageDns(this.#resolver, signal);
    const author = authorDomain(question.header);
    // Asked early, since it is asked last.
    if (author !== null) resolve(`_dmarc.${author}`, "TXT").catch(() => {});
    const [spf, { dkim, arc }] = await Promise.all([
      this.#within(
        signal,
        () => checkSpf(question, this.#hostname, resolve),
        () => spfOutcome("temperror", question),
      ),
      this.#within(
        signal,
        () => this.#checkSignatures(question, resolve, signal),
        () => unavailable(question.header),
      ),
    ]);
    const passing = {
      spf: spf.found.result === "pass" ? spf.found.domain : null,
      dkim: dkim.found.filter(({ result }) => result === "pass").map(({ domain }) => domain),
    };
    const dmarc = await this.#within(
      signal,
      () => checkDmarc(author, passing, resolve),
      () => dmarcOutcome("temperror", author, null),
    );
    return resultsOf({ spf, dkim, dmarc: asFarAsKnown(dmarc, spf, dkim), arc }, author, passing);
  }

  async #checkSignatures(question: NeighbourQuestion, resolve: MessageDns["resolve"], signal: AbortSignal) {
    const signatures = await verifySignatures(question, resolve, this.#publicKeys, signal);
    return {
      dkim: dkimOutcome(signatures),
      arc: await checkArc(signatures, question.client.address, resolve),
    };
  }

  /** What takes too long or fails on our side is left unsaid: `otherwise`. */
  async #within<T>(signal: AbortSignal, ask: () => Promise<T>, otherwise: () => T): Promise<T> {
    const late = Promise.withResolvers<T>();
    const giveUp = () => late.resolve(otherwise());
    if (signal.aborted) return otherwise();
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      return await Promise.race([ask(), late.promise]);
    } catch (error) {
      if (!signal.aborted) this.#onFailure(error);
      return otherwise();
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }
}

/** Signatures that could not be looked at in time; what is not there is no trouble. */
function unavailable({ fields }: Header): { readonly dkim: DkimOutcome; readonly arc: ArcOutcome } {
  const isSigned = fields.some(({ name }) => name === "dkim-signature");
  const isSealed = fields.some(({ name }) => name.startsWith("arc-"));
  const result = isSigned ? "temperror" : "none";
  return {
    dkim: { found: [], recorded: [{ method: "dkim", result, reason: null, properties: [] }] },
    arc: isSealed ? brokenChain("temperror", null) : NO_CHAIN,
  };
}

/** Where SPF or a signature could not be told now, mail that fails without them may pass tomorrow (RFC 9989 §5.3.6). */
function asFarAsKnown(dmarc: DmarcOutcome, spf: SpfOutcome, dkim: DkimOutcome): DmarcOutcome {
  if (dmarc.found.result !== "fail") return dmarc;
  const unknown =
    spf.found.result === "temperror" || dkim.recorded.some(({ result }) => result === "temperror");
  return unknown ? dmarcOutcome("temperror", dmarc.found.domain, dmarc.found.policy) : dmarc;
}

function resultsOf(
  { spf, dkim, dmarc, arc }: { spf: SpfOutcome; dkim: DkimOutcome; dmarc: DmarcOutcome; arc: ArcOutcome },
  author: string | null,
  passing: { readonly spf: string | null; readonly dkim: readonly string[] },
): NeighbourResults {
  const isAuthor = author !== null && [passing.spf, ...passing.dkim].includes(author);
  return {
    recorded: [
      spf.recorded,
      ...dkim.recorded,
      dmarc.recorded,
      ...(arc.recorded === null ? [] : [arc.recorded]),
    ],
    spf: spf.found,
    dkim: dkim.found,
    dmarc: dmarc.found,
    arc: arc.found,
    // Domains that are the same align, whether or not the domain has a DMARC record.
    fromPasses: dmarc.found.result === "pass" || isAuthor,
  };
}
