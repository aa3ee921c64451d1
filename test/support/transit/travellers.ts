import type { CorpusMessage } from "../corpus.ts";
import type { Chain } from "./chains.ts";
import type { TransitNetwork } from "./transit-network.ts";
import type { Signing, TransitSigner } from "./transit-signer.ts";
import { messageFor, type Traveller, verdictsOn } from "./try-chain.ts";

/** Messages, signed for the recipients of all chains, and what was not signed. */
export interface Departure {
  readonly travellers: readonly Traveller[];
  /** Why it was refused, by message. */
  readonly refused: ReadonlyMap<string, string>;
}

/** Signs messages, and makes sure that both signatures verify before the journey. */
export async function signAll(
  network: TransitNetwork,
  signer: TransitSigner,
  chains: readonly Chain[],
  signing: Signing,
  messages: readonly CorpusMessage[],
): Promise<Departure> {
  const domains = chains.flatMap((chain) => chain.hops.map((_, hops) => network.domain(chain, hops + 1)));
  const travellers: Traveller[] = [];
  const refused = new Map<string, string>();
  for (const [index, message] of messages.entries()) {
    const localPart = `${signing === "submitted" ? "s" : "a"}${index}`;
    const recipients = domains.map((domain) => `${localPart}@${domain}`);
    const signed = await signer.sign(signing, message.octets, recipients);
    if (signed.kind === "refused") {
      refused.set(message.name, signed.why);
      continue;
    }
    const [recipient = ""] = recipients;
    const fresh = await verdictsOn(signer, signed, messageFor(signed, recipient), recipient);
    if (fresh.vsmtp !== null || fresh.dkim !== null) {
      throw new Error(`${message.name} does not verify before it is sent: ${JSON.stringify(fresh)}`);
    }
    travellers.push({ message, localPart, signed });
  }
  return { travellers, refused };
}
