import { arc } from "mailauth/lib/arc/index.js";
import { type AuthenticationResult, readAuthenticationResults } from "../message/index.ts";
import type { Resolve } from "./message-dns.ts";
import type { NeighbourResult, NeighbourResults } from "./neighbour-results.ts";
import { provenDomain, recordable, recordableReason } from "./result-words.ts";
import type { Signatures } from "./signatures.ts";

export interface ArcOutcome {
  readonly found: NeighbourResults["arc"];
  /** Null where the message has no chain. */
  readonly recorded: AuthenticationResult | null;
}

const NOTHING = { vsmtp: false, dmarc: false };
export const NO_CHAIN: ArcOutcome = {
  found: { result: "none", sealers: [], recordedPass: NOTHING },
  recorded: null,
};

/** RFC 8617: is the chain whole, and what did its first host see? */
export async function checkArc(
  { arc: data, skipped, ambiguous, keys }: Signatures,
  clientAddress: string,
  resolve: Resolve,
): Promise<ArcOutcome> {
  if (skipped.arc !== null) return brokenChain("fail", skipped.arc);
  if (data === null) return NO_CHAIN;
  const { status } = await arc(data as unknown as Parameters<typeof arc>[0], {
    resolver: resolve,
    strict: true,
  });
  if (status.result === "none") return NO_CHAIN;
  if (status.result !== "pass") {
    // RFC 8617 knows no temporary failure; but what the DNS cannot tell now was not found to be false.
    return keys.arcUnavailable
      ? brokenChain("temperror", "a key cannot be asked for now")
      : brokenChain("fail", typeof status.comment === "string" ? recordableReason(status.comment) : null);
  }
  if (ambiguous !== null) return brokenChain("fail", ambiguous);
  const chain = data.chain || [];
  const sealers = chain.map((set) => provenDomain(set["arc-seal"]?.parsed?.d?.value));
  return {
    found: {
      result: "pass",
      sealers: sealers.filter((domain) => domain !== null).reverse(),
      recordedPass: recordedPass(chain[0]?.["arc-authentication-results"]?.original),
    },
    recorded: {
      method: "arc",
      result: "pass",
      reason: null,
      properties: recordable([["smtp.remote-ip", clientAddress]]),
    },
  };
}

export function brokenChain(result: NeighbourResult, reason: string | null): ArcOutcome {
  return {
    found: { result, sealers: [], recordedPass: NOTHING },
    recorded: { method: "arc", result, reason, properties: [] },
  };
}

/** What an ARC-Authentication-Results says behind its "i=1;". Results of one method that differ are none. */
function recordedPass(field: Buffer | undefined): NeighbourResults["arc"]["recordedPass"] {
  const text = field?.toString("utf8").replace(/\r?\n/g, "") ?? "";
  const value = /^[^:]*:[\s]*i[\s]*=[\s]*1[\s]*;(.*)$/s.exec(text)?.[1] ?? "";
  const results = readAuthenticationResults(value)?.results ?? [];
  const passed = (method: string): boolean => {
    const found = results.filter((result) => result.method === method);
    return found.length > 0 && found.every(({ result }) => result === "pass");
  };
  return { vsmtp: passed("vsmtp"), dmarc: passed("dmarc") };
}
