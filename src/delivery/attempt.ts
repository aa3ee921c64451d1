import { canonicalDomain } from "../message/index.ts";
import { type LeasedMessage, piecesOf, type Queue, type QueuedRecipient } from "../queue/index.ts";
import type { ContentBudget } from "./content-budget.ts";
import type { LocalDelivery } from "./local-delivery.ts";
import type { RemoteDelivery } from "./remote-delivery.ts";
import { forEach, ownResult, type RecipientResult } from "./result.ts";
import type { Hop, Router } from "./router.ts";
import { findTargets, type TargetOptions } from "./targets.ts";

/** What attempts work with. */
export interface AttemptTools {
  readonly queue: Queue;
  readonly router: Router;
  readonly local: LocalDelivery;
  readonly remote: RemoteDelivery;
  readonly budget: ContentBudget;
  readonly targets: TargetOptions;
}

interface Group {
  readonly domain: string;
  readonly hop: Hop;
  readonly recipients: QueuedRecipient[];
}

/** One attempt to deliver one message to all recipients that are left. Holds its content from first need to `end`. */
export class Attempt {
  readonly #tools: AttemptTools;
  readonly #message: LeasedMessage;
  #content: Promise<readonly Uint8Array[]> | null = null;

  constructor(tools: AttemptTools, message: LeasedMessage) {
    this.#tools = tools;
    this.#message = message;
  }

  /** Prefix and content in order; loaded once, within the budget of all attempts. */
  readonly content = (): Promise<readonly Uint8Array[]> => {
    this.#content ??= this.#load();
    return this.#content;
  };

  /** A result for each recipient. */
  async run(): Promise<RecipientResult[]> {
    const { groups, impossible } = this.#group();
    const results = await Promise.all(groups.map((group) => this.#deliver(group)));
    return [...impossible, ...results.flat()];
  }

  /** Gives the memory back. */
  async end(): Promise<void> {
    if (this.#content === null) return;
    await this.#content.catch(() => {});
    this.#tools.budget.giveBack(this.#message.size);
    this.#content = null;
  }

  async #load(): Promise<readonly Uint8Array[]> {
    await this.#tools.budget.take(this.#message.size);
    const pieces: Uint8Array[] = [];
    for await (const piece of piecesOf(await this.#tools.queue.content(this.#message))) pieces.push(piece);
    return pieces;
  }

  #group(): { groups: Group[]; impossible: RecipientResult[] } {
    const groups = new Map<string, Group>();
    const impossible: RecipientResult[] = [];
    for (const recipient of this.#message.recipients) {
      const domain = this.#domainOf(recipient.address);
      if (domain === null) {
        impossible.push(...forEach([recipient], ownResult("5.1.2", "not a mail domain")));
        continue;
      }
      const hop = this.#tools.router.route(domain);
      // All domains behind one server share a transaction.
      const key = hop.kind === "next-hop" ? `${hop.host} ${hop.port}` : domain;
      const group = groups.get(key) ?? { domain, hop, recipients: [] };
      group.recipients.push(recipient);
      groups.set(key, group);
    }
    return { groups: [...groups.values()], impossible };
  }

  /** RFC 5321 §4.5.1: Postmaster without a domain is this host's. */
  #domainOf(address: string): string | null {
    const at = address.lastIndexOf("@");
    return at === -1 ? this.#tools.targets.hostname : canonicalDomain(address.slice(at + 1));
  }

  async #deliver({ domain, hop, recipients }: Group): Promise<RecipientResult[]> {
    const { local, remote, targets } = this.#tools;
    if (hop.kind === "maildir") return local.deliver(this.#message, recipients, hop.mailboxes, this.content);
    const found = await findTargets(domain, hop, targets);
    if (found.kind === "result") return forEach(recipients, found.result);
    return remote.deliver(this.#message, recipients, found.targets, this.content);
  }
}
