import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { createSecureContext, getCACertificates } from "node:tls";
import type { Config } from "../config/index.ts";
import { Delivery, type DeliveryEvent } from "../delivery/index.ts";
import type { Queue } from "../queue/index.ts";
import type { Vault } from "../signing/index.ts";
import { MtaStsPolicies, mtaStsFetcher, openMtaStsFile } from "../transport-security/index.ts";
import { bounceSender } from "./bounce-sender.ts";
import { maildirOf } from "./mailboxes.ts";
import { readNextHopPasswords } from "./next-hop-passwords.ts";
import type { Running, Shared } from "./role.ts";

/**
 * Takes messages from the queue to Maildirs, next hops and other domains' mail hosts.
 *
 * @throws Error that says which password of a next hop cannot be read
 */
export async function startDelivery(shared: Shared, queue: Queue, vault: Vault | null): Promise<Running> {
  const { config, log, network, watchers } = shared;
  const bounces = bounceSender(config.hostname, queue, vault);
  const { onWire } = watchers;
  const ca = network.ca === null ? null : [...getCACertificates("default"), network.ca];
  const sts = config.delivery.mtaSts ? openMtaSts(shared, ca) : null;
  const delivery = new Delivery({
    queue,
    hostname: config.hostname,
    domains: config.domains,
    routes: config.routes,
    passwordOf: await readNextHopPasswords(config),
    findMaildir: maildirOf,
    resolver: network.resolver,
    dialer: network.dialer,
    allowPrivateAddresses: config.network.allowPrivateAddresses,
    isOwnAddress: ownAddresses(config),
    dane: config.delivery.dane,
    mtaSts: sts?.policies ?? null,
    ca,
    limits: {
      messages: config.delivery.messages,
      connectionsPerDestination: config.delivery.connectionsPerDestination,
    },
    onBounce: bounces.send,
    bounceFrom: bounces.from,
    onEvent: (event) => {
      logEvent(log, event);
      watchers.onDelivery?.(event);
    },
    ...(onWire ? { transcript: (target, line) => onWire("delivery", target.host, line) } : {}),
  });
  delivery.start();
  return {
    places: [],
    stop: async () => {
      await delivery.stop();
      await sts?.close();
    },
  };
}

/** Policies of other domains, remembered in a file of the data directory. */
function openMtaSts(
  { config, network, log }: Shared,
  ca: readonly string[] | null,
): { readonly policies: MtaStsPolicies; close(): Promise<void> } {
  const file = openMtaStsFile(join(config.dataDirectory, "mta-sts.json"), (err) =>
    log.warn({ role: "delivery", err }, "MTA-STS policies cannot be written"),
  );
  const fetch = mtaStsFetcher({
    resolver: network.resolver,
    dialer: network.dialer,
    secureContext: ca === null ? undefined : createSecureContext({ ca: [...ca] }),
    allowPrivateAddresses: config.network.allowPrivateAddresses,
  });
  return {
    policies: new MtaStsPolicies({ resolver: network.resolver, fetch, file }),
    close: () => file.close(),
  };
}

/** Addresses of this host come and go with its networks. */
const lookAgainMs = 60_000;

/**
 * Where mail comes back to us: the addresses of a host that is an MX itself. In closed test networks all hosts have the
 * same.
 */
function ownAddresses({ roles, network }: Config): (address: string) => boolean {
  if (!roles.has("mx") || network.allowPrivateAddresses) return () => false;
  let addresses: ReadonlySet<string> = new Set();
  let lookedAt = Number.NEGATIVE_INFINITY;
  return (address) => {
    if (Date.now() - lookedAt > lookAgainMs) {
      lookedAt = Date.now();
      addresses = new Set(
        Object.values(networkInterfaces()).flatMap((some) => some?.map((own) => own.address) ?? []),
      );
    }
    return addresses.has(address);
  };
}

function logEvent(log: Shared["log"], event: DeliveryEvent): void {
  const role = "delivery";
  if (event.kind === "queue-failed") {
    log.error({ role, err: event.cause }, event.kind);
    return;
  }
  const { message } = event;
  const { id } = message;
  if (event.kind === "attempted") {
    const common = {
      role,
      id,
      destination: message.destination,
      attempt: message.attempts + 1,
      delayMs: Date.now() - message.enqueuedAt,
    };
    for (const { address, kind, code, enhanced, text, remote, via } of event.results) {
      const way = via && { host: via.host, address: via.address, tls: via.tls };
      log.info({ ...common, recipient: address, code, enhanced, text, remote, ...way }, kind);
    }
  } else if (event.kind === "postponed") {
    log.debug({ role, id, destination: message.destination, text: event.results[0]?.text }, event.kind);
  } else if (event.kind === "bounced") log.info({ role, id, to: event.bounce.recipient }, event.kind);
  else if (event.kind === "undeliverable")
    log.warn({ role, id, recipients: event.failed.length }, event.kind);
  else log.error({ role, id, err: event.cause }, event.kind);
}
