import { fitsDomain, type TrustedSource } from "../config/index.ts";
import { NetworkList } from "../dns/index.ts";
import { addressText, decodeAddress } from "../message/index.ts";
import type { NeighbourResults } from "../neighbours/index.ts";
import type { Verdict } from "../signature/index.ts";
import type { Verified } from "../verification/index.ts";

/** Lists and forwarders that are known to bring honest mail of others (ACT-6, VER-17). */
export class TrustedSources {
  readonly #sources: readonly { readonly source: TrustedSource; readonly networks: NetworkList }[];

  constructor(sources: readonly TrustedSource[]) {
    this.#sources = sources.map((source) => ({ source, networks: new NetworkList(source.clients) }));
  }

  /** The name of the first that brought this message; null: none did. */
  nameOf(
    clientAddress: string,
    { verdict, neighbours }: { readonly verdict: Pick<Verdict, "forwarder"> } & Pick<Verified, "neighbours">,
  ): string | null {
    if (this.#sources.length === 0) return null;
    const forwarder = forwarderOf(verdict.forwarder);
    const found = this.#sources.find(
      ({ source, networks }) =>
        networks.has(clientAddress) ||
        (forwarder !== null && source.forwarders.includes(forwarder)) ||
        (neighbours !== null && (hasSigned(source, neighbours) || hasSealed(source, neighbours))),
    );
    return found?.source.name ?? null;
  }
}

/** The identity that answers for the delivery (VER-15), as settings name it. */
function forwarderOf(identity: string | null): string | null {
  const address = identity === null ? null : decodeAddress(identity);
  return address === null ? null : addressText(address);
}

function hasSigned({ dkim }: TrustedSource, neighbours: NeighbourResults): boolean {
  return neighbours.dkim.some(({ result, domain }) => result === "pass" && fits(dkim, domain));
}

/**
 * Every seal must be by somebody trusted: the oldest of them says how the message came, and anybody can write a first
 * instance that says what he likes and have it sealed on top (RFC 8617 §9.4).
 */
function hasSealed({ arc }: TrustedSource, { arc: chain }: NeighbourResults): boolean {
  const wasWhole = chain.recordedPass.vsmtp || chain.recordedPass.dmarc;
  return (
    chain.result === "pass" &&
    wasWhole &&
    chain.sealers.length > 0 &&
    chain.sealers.every((d) => fits(arc, d))
  );
}

function fits(patterns: readonly string[], domain: string): boolean {
  return patterns.some((pattern) => fitsDomain(pattern, domain));
}
