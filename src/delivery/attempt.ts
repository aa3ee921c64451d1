import { canonicalDomain } from "../message/index.ts";
import type { LeasedMessage, NewMessage, QueuedRecipient } from "../queue/index.ts";
import type { AddressExpansion, Expanded } from "./address-expansion.ts";
import type { LocalDelivery } from "./local-delivery.ts";
import type { Outgoing, RemoteDelivery, RemoteOutcome } from "./remote-delivery.ts";
import { describe, forEach, ownResult, type RecipientResult } from "./result.ts";
import type { Router } from "./router.ts";
import type { TargetOptions } from "./target.ts";
import { findTargets } from "./targets.ts";

/** What attempts work with. */
export interface AttemptTools {
  readonly expansion: AddressExpansion;
  readonly router: Router;
  readonly local: LocalDelivery;
  readonly remote: RemoteDelivery;
  readonly targets: TargetOptions;
}

/** What an attempt came to, and what goes on from here because of it. */
export interface Attempted extends RemoteOutcome {
  /** Of recipients that are `delivered`: queued in the transaction that says so. */
  readonly forwards: readonly NewMessage[];
}

/** One attempt to deliver one message to all recipients that are left: a result for each. */
export async function attempt(
  message: LeasedMessage,
  outgoing: Outgoing,
  tools: AttemptTools,
): Promise<Attempted> {
  const { recipients } = message;
  const expanded = new Map<number, { readonly keeps: boolean; readonly outcome: Expanded }>();
  for (const recipient of recipients) {
    const found = tools.expansion.find(recipient.address);
    if (found === null) continue;
    const outcome = await found.expand(message, recipient, outgoing.content);
    expanded.set(recipient.index, { keeps: found.keeps, outcome });
  }
  const isForMailbox = ({ index }: QueuedRecipient): boolean => {
    const one = expanded.get(index);
    return one === undefined || (one.keeps && one.outcome.result.kind === "delivered");
  };
  const others = recipients.filter(isForMailbox);
  if (expanded.size === 0) return { ...(await deliver(message, others, outgoing, tools)), forwards: [] };
  const nothing: RemoteOutcome = { results: [], reach: { kind: "unknown" } };
  const delivered = others.length === 0 ? nothing : await deliver(message, others, outgoing, tools);
  // Nothing of it counts: the whole message comes again, or is stopped.
  if (delivered.reach.kind === "busy" || delivered.reach.kind === "stopped") {
    return { ...delivered, forwards: [] };
  }
  const results: RecipientResult[] = delivered.results.map((result) => {
    return alsoPassedOn(result, expanded.get(result.index)?.outcome);
  });
  const forwards: NewMessage[] = [];
  for (const { index, address } of recipients) {
    const outcome = expanded.get(index)?.outcome;
    if (outcome === undefined) continue;
    const kept = delivered.results.find((result) => result.index === index);
    if (kept === undefined) results.push({ ...outcome.result, index, address });
    // One truth for each recipient: what could not be kept is not passed on either, until it can be.
    if ((kept ?? outcome.result).kind === "delivered") forwards.push(...outcome.messages);
  }
  return { results, reach: delivered.reach, forwards };
}

/** What stays here says what became of the rest; another server's words are not added to. */
function alsoPassedOn(kept: RecipientResult, expanded: Expanded | undefined): RecipientResult {
  if (expanded === undefined || kept.kind !== "delivered" || kept.remote !== null) return kept;
  return { ...kept, text: `${kept.text}; ${expanded.result.text}` };
}

async function deliver(
  message: LeasedMessage,
  recipients: readonly QueuedRecipient[],
  outgoing: Outgoing,
  { router, local, remote, targets }: AttemptTools,
): Promise<RemoteOutcome> {
  const { destination, requireTls } = message;
  if (canonicalDomain(destination) === null) {
    return {
      results: forEach(recipients, ownResult("5.1.2", "not a mail domain")),
      reach: { kind: "unknown" },
    };
  }
  const hop = router.route(destination);
  if (hop.kind === "maildir") {
    const results = await local.deliver(message, recipients, hop.mailboxes, outgoing.content);
    return { results, reach: { kind: "worked" } };
  }
  const found = await findTargets(destination, hop, requireTls, targets);
  if (found.kind === "targets") return remote.deliver(message, recipients, found.targets, outgoing);
  const { result } = found;
  // What is wrong with the DNS or a policy of the domain is so for all mail to it.
  const reach =
    result.kind === "deferred"
      ? ({ kind: "failed", detail: describe(result) } as const)
      : ({ kind: "unknown" } as const);
  return { results: forEach(recipients, result), reach };
}
