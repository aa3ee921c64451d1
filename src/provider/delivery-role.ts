import { Delivery, type DeliveryEvent } from "../delivery/index.ts";
import type { Queue } from "../queue/index.ts";
import type { Vault } from "../signing/index.ts";
import { bounceSender } from "./bounce-sender.ts";
import { maildirOf } from "./mailboxes.ts";
import type { Running, Shared } from "./role.ts";

/** Takes messages from the queue to Maildirs, next hops and other domains' mail hosts. */
export function startDelivery(
  { config, log, network, watchers }: Shared,
  queue: Queue,
  vault: Vault | null,
): Running {
  const bounces = bounceSender(config.hostname, queue, vault);
  const { onWire } = watchers;
  const delivery = new Delivery({
    queue,
    hostname: config.hostname,
    domains: config.domains,
    routes: config.routes,
    findMaildir: maildirOf,
    resolver: network.resolver,
    dialer: network.dialer,
    allowPrivateAddresses: config.network.allowPrivateAddresses,
    onBounce: bounces.send,
    bounceFrom: bounces.from,
    onEvent: (event) => {
      logEvent(log, event);
      watchers.onDelivery?.(event);
    },
    ...(onWire ? { transcript: (target, line) => onWire("delivery", target.host, line) } : {}),
  });
  delivery.start();
  return { places: [], stop: () => delivery.stop() };
}

function logEvent(log: Shared["log"], event: DeliveryEvent): void {
  const role = "delivery";
  if (event.kind === "queue-failed") {
    log.error({ role, err: event.cause }, event.kind);
    return;
  }
  const { id } = event.message;
  if (event.kind === "attempted") {
    for (const { address, kind, code, enhanced, text, remote } of event.results) {
      log.info({ role, id, recipient: address, code, enhanced, text, remote }, kind);
    }
  } else if (event.kind === "bounced") log.info({ role, id, to: event.bounce.recipient }, event.kind);
  else if (event.kind === "undeliverable")
    log.warn({ role, id, recipients: event.failed.length }, event.kind);
  else log.error({ role, id, err: event.cause }, event.kind);
}
