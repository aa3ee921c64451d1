import {
  type Arrival,
  applyEdits,
  Border,
  CachingResolver,
  defaultPolicy,
  forAllDomains,
  type KeyLookup,
  openNeighbourCheck,
  PolicyMemory,
  type Resolver,
  receivedFrom,
  Verification,
} from "vsmtp";

/** What judges all mail that comes in, SPF, DKIM, DMARC and ARC included; `readPolicy` takes other settings. */
export async function openBorder(hostname: string, keys: KeyLookup, dns: Resolver): Promise<Border> {
  const policies = new PolicyMemory({ resolver: new CachingResolver(dns) });
  // A cache of its own: what strangers' records lead to displaces nothing else.
  const neighbours = await openNeighbourCheck({ resolver: new CachingResolver(dns), hostname });
  const verification = new Verification({ keys, policies, neighbours });
  return new Border({ hostname, verification, policy: { ...defaultPolicy, stage: "enforce" } });
}

/**
 * Judges one message before its sender hears 250.
 *
 * @param read the message as it came, with CRLF, from the beginning at each call
 * @returns the reply that refuses it; or its header as it is to be kept, results on top, in place of the one that came
 */
export async function takeMessage(border: Border, read: () => AsyncIterable<Uint8Array>, arrival: Arrival) {
  const message = await receivedFrom(read);
  const { header, fault } = message.scanned;
  if (fault?.kind === "header-too-large") {
    return { refused: { code: 552, enhanced: "5.3.4", text: "The header is larger than 1 MiB" } };
  }
  const judged = await border.judge(message, arrival);
  const decision = border.decide(message.scanned, arrival, judged, forAllDomains, false);
  if (decision.reply !== null) return { refused: decision.reply };
  const ours = { kind: "prepend", octets: border.fields(judged, decision) } as const;
  return { action: decision.action, header: applyEdits(header, [...border.edits(header, decision), ours]) };
}
