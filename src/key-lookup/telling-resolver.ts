import type { DnsAnswer, Resolver, TlsaRecord } from "../dns/index.ts";
import type { DnsStep, Trail } from "./trail.ts";

/** A resolver that tells what it was asked on the way to a server, and what came of it. */
export function tellingResolver(resolver: Resolver, trail: Trail): Resolver {
  const told =
    <T>(
      type: DnsStep["type"],
      ask: (name: string, signal?: AbortSignal) => Promise<DnsAnswer<T>>,
      shown: (record: T) => string,
    ) =>
    async (name: string, signal?: AbortSignal): Promise<DnsAnswer<T>> => {
      const answer = await ask(name, signal);
      trail(dnsStep(type, name, answer, shown));
      return answer;
    };
  return {
    addresses: told("A and AAAA", resolver.addresses.bind(resolver), (address) => address),
    mx: told("MX", resolver.mx.bind(resolver), ({ preference, exchange }) => `${preference} ${exchange}`),
    srv: told(
      "SRV",
      resolver.srv.bind(resolver),
      ({ priority, weight, port, target }) => `${priority} ${weight} ${port} ${target}`,
    ),
    tlsa: told("TLSA", resolver.tlsa.bind(resolver), shownTlsa),
    // Nothing on the way to a server.
    a: resolver.a.bind(resolver),
    aaaa: resolver.aaaa.bind(resolver),
    txt: resolver.txt.bind(resolver),
    ptr: resolver.ptr.bind(resolver),
  };
}

function shownTlsa({ usage, selector, matchingType, data }: TlsaRecord): string {
  return `${usage} ${selector} ${matchingType} ${Buffer.from(data).toString("hex")}`;
}

function dnsStep<T>(
  type: DnsStep["type"],
  name: string,
  answer: DnsAnswer<T>,
  shown: (record: T) => string,
): DnsStep {
  const isRecords = answer.kind === "records";
  return {
    kind: "dns",
    type,
    name,
    found: answer.kind,
    records: isRecords ? answer.records.map(shown) : [],
    canonicalName: isRecords ? (answer.canonicalName ?? null) : null,
    authenticated: answer.kind !== "failure" && answer.authenticated,
    ttlSeconds: answer.kind === "failure" ? null : answer.ttlSeconds,
    detail: answer.kind === "failure" ? answer.detail : null,
  };
}
