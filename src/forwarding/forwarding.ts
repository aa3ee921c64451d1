import { type Expansion, findExpansion, type HostedDomain } from "../config/index.ts";
import type { AddressExpansion, ExpandableAddress, Expanded } from "../delivery/index.ts";
import { type Address, parseAddress } from "../message/index.ts";
import type { LeasedMessage, StoredContent } from "../queue/index.ts";
import type { BearsAlteredMail } from "./bears-altered-mail.ts";
import { type ForwardOrder, forward } from "./forward.ts";
import { Members } from "./members.ts";
import { dropped } from "./outcome.ts";
import { readHeader } from "./passing-message.ts";
import { type ListOrder, postToList } from "./post-to-list.ts";
import { isSenderForged } from "./recorded-verdict.ts";
import type { Tools } from "./tools.ts";

export interface ForwardingOptions extends Omit<Tools, "now"> {
  readonly domains: readonly HostedDomain[];
  /** Whether a domain puts up with mail of its users that a list has altered. */
  readonly bearsAlteredMail: BearsAlteredMail;
  readonly now?: () => number;
  /** A list's file cannot be read, or holds lines that are no addresses. */
  readonly onMembersProblem?: (file: string, problem: string) => void;
}

/** The addresses of hosted domains that stand for others, and what comes of mail for them. */
export class Forwarding implements AddressExpansion {
  readonly #domains: ReadonlyMap<string, HostedDomain>;
  readonly #tools: Tools;
  readonly #bearsAlteredMail: BearsAlteredMail;
  readonly #members: Members;

  constructor(options: ForwardingOptions) {
    const { vault, staple, dkim, spool, now = Date.now } = options;
    this.#domains = new Map(options.domains.map((domain) => [domain.name, domain]));
    this.#tools = { vault, staple, dkim, spool, now };
    this.#bearsAlteredMail = options.bearsAlteredMail;
    this.#members = new Members(options.onMembersProblem ?? (() => {}));
  }

  find(address: string): ExpandableAddress | null {
    const parsed = parseAddress(address);
    const domain = parsed.ok ? this.#domains.get(parsed.address.domain) : undefined;
    if (!parsed.ok || domain === undefined) return null;
    const expansion = findExpansion(domain, parsed.address.localPart);
    return expansion && this.#expandable(parsed.address, expansion);
  }

  #expandable(receivedAs: Address, expansion: Expansion): ExpandableAddress {
    switch (expansion.kind) {
      case "forward":
        return this.#forward({ receivedAs, ...expansion.forward });
      case "list-owner": {
        const { owner } = expansion.list;
        return this.#forward({ receivedAs, to: owner === null ? [] : [owner], keep: false });
      }
      case "list": {
        const { name, list } = expansion;
        const order: ListOrder = { address: receivedAs, name, list, members: () => this.#members.of(list) };
        const refuses = this.#bearsAlteredMail;
        return {
          keeps: false,
          expand: (message, _recipient, content) =>
            toldNobodyElse(message, content, postToList(message, order, content, refuses, this.#tools)),
        };
      }
    }
  }

  #forward(order: ForwardOrder): ExpandableAddress {
    return {
      keeps: order.keep,
      expand: (message, recipient, content) =>
        toldNobodyElse(message, content, forward(message, recipient, order, content, this.#tools)),
    };
  }
}

/** A failure is told to the sender: not to one whose address somebody else wrote. */
async function toldNobodyElse(
  { sender }: LeasedMessage,
  content: () => Promise<StoredContent>,
  expanding: Promise<Expanded>,
): Promise<Expanded> {
  const expanded = await expanding;
  if (expanded.result.kind !== "failed" || !isSenderForged(sender, await readHeader(await content()))) {
    return expanded;
  }
  return dropped(expanded.result.text);
}
