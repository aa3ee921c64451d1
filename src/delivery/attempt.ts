import { canonicalDomain } from "../message/index.ts";
import type { LeasedMessage } from "../queue/index.ts";
import type { LocalDelivery } from "./local-delivery.ts";
import type { Outgoing, RemoteDelivery, RemoteOutcome } from "./remote-delivery.ts";
import { describe, forEach, ownResult } from "./result.ts";
import type { Router } from "./router.ts";
import type { TargetOptions } from "./target.ts";
import { findTargets } from "./targets.ts";

/** What attempts work with. */
export interface AttemptTools {
  readonly router: Router;
  readonly local: LocalDelivery;
  readonly remote: RemoteDelivery;
  readonly targets: TargetOptions;
}

/** One attempt to deliver one message to all recipients that are left: a result for each. */
export async function attempt(
  message: LeasedMessage,
  outgoing: Outgoing,
  { router, local, remote, targets }: AttemptTools,
): Promise<RemoteOutcome> {
  const { destination, recipients, requireTls } = message;
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
